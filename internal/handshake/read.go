package handshake

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// MaxBytes is the longest head that Read looks for the end of, bytes.
const MaxBytes = 16 << 10

// foreignBytes are enough to tell what is no HTTP.
const foreignBytes = 32

// ForeignError is what a connection looks like that begins like no HTTP request.
type ForeignError string

func (e ForeignError) Error() string { return "what came looks like " + string(e) }

var endOfHead = []byte(crlf + crlf)

// Whole reports whether head ends as the head of a request does.
func Whole(head []byte) bool { return bytes.HasSuffix(head, endOfHead) }

// Read reads up to the empty line that ends the head of a request; rest is what came behind it. A
// head that is too long is returned as it is, for an HTTP server to refuse. Both results are in buf, if
// they fit. The error is a ForeignError where no HTTP comes.
func Read(r io.Reader, buf []byte) (head, rest []byte, err error) {
	for {
		if len(buf) == cap(buf) {
			if len(buf) >= MaxBytes {
				return buf, nil, nil
			}
			buf = append(make([]byte, 0, 2*cap(buf)), buf...)
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		from := max(0, len(buf)-3)
		buf = buf[:len(buf)+n]
		if what := Foreign(buf[:min(len(buf), foreignBytes)], true); what != "" {
			return nil, nil, ForeignError(what)
		}
		if i := bytes.Index(buf[from:], endOfHead); i >= 0 {
			end := from + i + len(endOfHead)
			return buf[:end:end], buf[end:], nil
		}
		if err != nil {
			return nil, nil, err
		}
	}
}

// Path is the path of a GET request, "" for any other request and for bytes that are not HTTP.
func Path(head []byte) string {
	line, _, _ := bytes.Cut(head, endOfHead[:2])
	target, get := strings.CutPrefix(string(line), "GET ")
	target, version, _ := strings.Cut(target, " ")
	if _, _, ok := http.ParseHTTPVersion(version); !get || !ok {
		return ""
	}
	path, _, _ := strings.Cut(target, "?")
	return path
}
