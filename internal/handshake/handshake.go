// Package handshake reads the head of a WebSocket handshake as strictly as HTTP wants it to be read,
// and as leniently as HTTP lets clients write it. A head that two readers could take for different
// requests is refused, because one of them may be a proxy.
package handshake

import (
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"

	"backbone/protocol"
)

// Head is what a server needs of a handshake.
type Head struct {
	// Text is a head of the same meaning for the library that upgrades: the request line, and the
	// headers of a handshake, each in one line. What is missing in the request is missing here.
	Text []byte
	// Host and Origin are the values of these headers, "" for none.
	Host, Origin string
	// Credentials are a key or a token, "" for none: of the header Authorization after "Bearer", of
	// X-API-Key, or of a subprotocol after "bearer.", which is all that a page can send.
	Credentials string
	// ForwardedFor and Forwarded are the values of X-Forwarded-For and Forwarded, line by line.
	ForwardedFor, Forwarded []string
}

// single lists the headers that have one value. A repetition of it is harmless, and some clients
// send one.
var single = []string{host, "Origin", protocol.HeaderAPIKey, authorization, secKey, secVersion}

const (
	host        = "Host"
	secKey      = "Sec-WebSocket-Key"
	secVersion  = "Sec-WebSocket-Version"
	secProtocol = "Sec-WebSocket-Protocol"

	authorization = "Authorization"

	crlf      = "\r\n"
	ambiguous = "\r\n\x00" // where a value may end for another reader
)

// Parse reads a head from its request line to its empty line. An error is for the client: it names
// the header and says what is wrong. Text is then the request line alone. Whether everything is
// there that a handshake needs is left to the library.
func Parse(head []byte) (Head, error) {
	line, rest, _ := strings.Cut(string(head), crlf)
	headers, err := split(rest)
	if strings.ContainsAny(line, ambiguous) {
		err = errors.New("request line: must not contain CR, LF or NUL")
	}
	if err == nil {
		err = check(headers)
	}
	var credentials string
	if err == nil {
		credentials, err = findCredentials(headers)
	}
	if err != nil {
		return Head{Text: []byte(line + crlf + crlf)}, err
	}
	return Head{
		Text: write(line, headers), Host: headers.get(host), Origin: headers.get("Origin"), Credentials: credentials,
		ForwardedFor: slices.Collect(headers.all("X-Forwarded-For")), Forwarded: slices.Collect(headers.all("Forwarded")),
	}, nil
}

// OfRequest reads the headers of a request that an HTTP server has read, as Parse does those of a
// handshake. Text is empty.
func OfRequest(r *http.Request) (Head, error) {
	headers := headers{{host, r.Host}}
	for name, values := range r.Header {
		for _, value := range values {
			headers = append(headers, header{name, value})
		}
	}
	if err := checkSingle(headers); err != nil {
		return Head{}, err
	}
	credentials, err := findCredentials(headers)
	if err != nil {
		return Head{}, err
	}
	return Head{
		Host: r.Host, Origin: headers.get("Origin"), Credentials: credentials,
		ForwardedFor: r.Header.Values("X-Forwarded-For"), Forwarded: r.Header.Values("Forwarded"),
	}, nil
}

// header is one line of a head. A map of all would cost each handshake a KiB.
type header struct{ name, value string }

type headers []header

// all are the values of a header, in order.
func (h headers) all(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range h {
			if strings.EqualFold(line.name, name) && !yield(line.value) {
				return
			}
		}
	}
}

// get is the first value of a header, "" for none.
func (h headers) get(name string) string {
	for value := range h.all(name) {
		return value
	}
	return ""
}

func (h headers) has(name string) bool {
	return slices.ContainsFunc(h, func(line header) bool { return strings.EqualFold(line.name, name) })
}

// split returns the headers of lines, as far as each of them is well-formed.
func split(lines string) (headers, error) {
	headers := make(headers, 0, 8)
	for line := range strings.SplitSeq(lines, crlf) {
		if line == "" {
			break
		}
		name, value, colon := strings.Cut(line, ":")
		switch {
		case !colon:
			return nil, fmt.Errorf("header %.40q: has no colon", line)
		case !isToken(name):
			return nil, fmt.Errorf("header %.40q: a name has no blanks, and none before its colon", name)
		case strings.ContainsAny(value, ambiguous):
			return nil, fmt.Errorf("%s: must not contain CR, LF or NUL", name)
		}
		headers = append(headers, header{name, strings.Trim(value, " \t")})
	}
	return headers, nil
}

func check(headers headers) error {
	if err := checkSingle(headers); err != nil {
		return err
	}
	for key := range headers.all(secKey) {
		if nonce, err := base64.StdEncoding.DecodeString(key); err != nil || len(nonce) != 16 {
			return errors.New(secKey + ": must be 16 bytes in base64")
		}
	}
	for _, word := range list(headers, secProtocol) {
		if !isToken(word) {
			return errors.New(secProtocol + ": must be a list of words")
		}
	}
	for n := range headers.all("Content-Length") {
		if n != "0" {
			return errors.New("Content-Length: a handshake has no body")
		}
	}
	if headers.has("Transfer-Encoding") {
		return errors.New("Transfer-Encoding: a handshake has no body")
	}
	return nil
}

// checkSingle checks the headers that have one value.
func checkSingle(headers headers) error {
	for _, name := range single {
		first := headers.get(name)
		for value := range headers.all(name) {
			if value != first {
				return fmt.Errorf("%s: appears twice with different values", name)
			}
		}
	}
	if strings.ContainsAny(headers.get(host), " \t/?#@,\\\"<>") {
		return fmt.Errorf("%s: must be a host, and a port if there is one", host)
	}
	return nil
}

// write returns the head that the library reads.
func write(line string, headers headers) []byte {
	text := append(make([]byte, 0, 256), line...)
	text = append(text, crlf...)
	add := func(name, value string) {
		for _, part := range []string{name, ": ", value, crlf} {
			text = append(text, part...)
		}
	}
	for _, name := range []string{host, secKey, secVersion} {
		if headers.has(name) {
			add(name, headers.get(name))
		}
	}
	// A list may have more than the handshake needs.
	for _, needed := range []struct{ name, word string }{{"Upgrade", "websocket"}, {"Connection", "Upgrade"}} {
		words := list(headers, needed.name)
		if slices.ContainsFunc(words, func(word string) bool { return strings.EqualFold(word, needed.word) }) {
			add(needed.name, needed.word)
		} else if words != nil {
			add(needed.name, strings.Join(words, ", "))
		}
	}
	offered := slices.DeleteFunc(list(headers, secProtocol), func(word string) bool { return strings.HasPrefix(word, protocol.BearerPrefix) })
	if len(offered) > 0 {
		add(secProtocol, strings.Join(offered, ", "))
	}
	return append(text, crlf...)
}

// list returns the elements of a header that is a list, over all its lines (RFC 9110, sections 5.3
// and 5.6.1): empty ones do not count.
func list(headers headers, name string) (elements []string) {
	for line := range headers.all(name) {
		for element := range strings.SplitSeq(line, ",") {
			if element = strings.Trim(element, " \t"); element != "" {
				elements = append(elements, element)
			}
		}
	}
	return elements
}

// isToken reports whether s is a token of HTTP (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}
