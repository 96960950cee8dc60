package handshake

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

const (
	key   = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
	plain = "GET /ws HTTP/1.1\r\nHost: backbone\r\n" + key + "\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
)

func request(lines ...string) string { return plain + strings.Join(append(lines, ""), crlf) + crlf }

func TestWhatHTTPAllowsBecomesOneHead(t *testing.T) {
	t.Parallel()
	replace := func(old, with string) string {
		if !strings.Contains(plain, old) {
			t.Fatalf("nothing to replace: %q", old)
		}
		return strings.Replace(plain, old, with, 1) + crlf
	}
	for name, text := range map[string]string{
		"as the library writes it": request(),
		"other headers":            request("Cookie: a=b", "User-Agent: x", "Sec-WebSocket-Extensions: permessage-deflate; x"),
		"connection in two lines":  replace("Connection: Upgrade", "connection: close\r\nConnection: upgrade"),
		"connection is a list":     replace("Connection: Upgrade", "Connection:keep-alive,\tUPGRADE ,"),
		"upgrade is a list":        replace("Upgrade: websocket", "Upgrade: h2c, WebSocket"),
		"upgrade in two lines":     replace("Upgrade: websocket", "Upgrade: foo\r\nUpgrade: websocket"),
		"empty protocol":           request("Sec-WebSocket-Protocol:"),
		"empty protocols":          request("Sec-WebSocket-Protocol: ,", "Sec-WebSocket-Protocol: \t"),
		"equal doubles":            request("host: backbone", "sec-websocket-version: 13", strings.ToLower(key[:17])+key[17:]),
		"empty body":               request("Content-Length: 0", "content-length: 0"),
	} {
		h, err := Parse([]byte(text))
		if err != nil || string(h.Text) != plain+crlf || h.Host != "backbone" || h.Origin != "" || h.Credentials != "" {
			t.Errorf("%s: %v\n%s", name, err, h.Text)
		}
	}
	h, err := Parse([]byte(request("Sec-WebSocket-Protocol: chat", "ORIGIN: http://a.b", "x-api-key: k", "Sec-WebSocket-Protocol: backbone.v1,,x")))
	if want := plain + "Sec-WebSocket-Protocol: chat, backbone.v1, x\r\n\r\n"; err != nil || string(h.Text) != want || h.Origin != "http://a.b" || h.Credentials != "k" {
		t.Errorf("%v, %+v\n%s", err, h, h.Text)
	}
	for _, name := range []string{"Host", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Upgrade", "Connection"} {
		lines := slices.DeleteFunc(strings.Split(plain, crlf), func(line string) bool { return strings.HasPrefix(line, name+":") })
		h, err := Parse([]byte(strings.Join(lines, crlf) + crlf))
		if err != nil || bytes.Contains(h.Text, []byte(name+":")) {
			t.Errorf("without %s: %v\n%s", name, err, h.Text)
		}
	}
	if h, err := Parse([]byte(replace("Upgrade: websocket", "Upgrade: h2c"))); err != nil || !bytes.Contains(h.Text, []byte("Upgrade: h2c\r\n")) {
		t.Errorf("another upgrade: %v\n%s", err, h.Text)
	}
}

func TestWhatAProxyMayReadOtherwiseIsRefused(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"Host: other":              "Host: appears twice with different values",
		"Host:":                    "Host: appears twice with different values",
		"Sec-WebSocket-Version: 8": "Sec-WebSocket-Version: appears twice with different values",
		"Sec-WebSocket-Key: " + "AAAAAAAAAAAAAAAAAAAAAA==": "Sec-WebSocket-Key: appears twice with different values",
		"Content-Length: 5":           "Content-Length: a handshake has no body",
		"Content-Length: 00":          "Content-Length: a handshake has no body",
		"Content-Length: -1":          "Content-Length: a handshake has no body",
		"content-length:":             "Content-Length: a handshake has no body",
		"Transfer-Encoding: chunked":  "Transfer-Encoding: a handshake has no body",
		"transfer-encoding: identity": "Transfer-Encoding: a handshake has no body",
		"X-API-Key : a":               `header "X-API-Key ": a name has no blanks, and none before its colon`,
		"Origin\t: http://a":          `header "Origin\t": a name has no blanks, and none before its colon`,
		" Origin: http://a":           `header " Origin": a name has no blanks, and none before its colon`, // would go on the line before
		"\tmore":                      `header "\tmore": has no colon`,
		": x":                         `header "": a name has no blanks, and none before its colon`,
		"X\x00: y":                    `header "X\x00": a name has no blanks, and none before its colon`,
		"Ünicode: y":                  `header "Ünicode": a name has no blanks, and none before its colon`,
		"no colon":                    `header "no colon": has no colon`,
		"X: a\x00b":                   "X: must not contain CR, LF or NUL",
		"X: a\rb":                     "X: must not contain CR, LF or NUL",
		"X: a\rOrigin: http://a":      "X: must not contain CR, LF or NUL",
		"X: a\nOrigin: http://a":      "X: must not contain CR, LF or NUL",
		"X: a\r":                      "X: must not contain CR, LF or NUL",
		"Sec-WebSocket-Protocol: a b": "Sec-WebSocket-Protocol: must be a list of words",
		"Sec-WebSocket-Protocol: ,@,": "Sec-WebSocket-Protocol: must be a list of words",
	} {
		h, err := Parse([]byte(request(line)))
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", line, err, want)
		}
		if string(h.Text) != "GET /ws HTTP/1.1\r\n\r\n" {
			t.Errorf("%q: the library reads %q", line, h.Text)
		}
	}
	for _, name := range []string{"Origin", "X-API-Key"} {
		if _, err := Parse([]byte(request(name+": a", name+": a"))); err != nil {
			t.Errorf("equal %s: %v", name, err)
		}
		if _, err := Parse([]byte(request(name+": a", name+": b"))); err == nil {
			t.Errorf("different %s are taken", name)
		}
	}
	for _, bad := range []string{
		"", "x", "dGhlIHNhbXBsZQ==", "dGhlIHNhbXBsZSBub25jZSE=", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=!",
		"dGhlIHNhbXBsZSBub25_ZQ==", strings.Repeat("A", 24), " dGhl IHNhbXBsZSBub25jZQ==",
	} {
		if _, err := Parse([]byte(strings.Replace(request(), key[19:], bad, 1))); err == nil || !strings.HasPrefix(err.Error(), "Sec-WebSocket-Key: must be") {
			t.Errorf("key %q: %v", bad, err)
		}
	}
	for _, host := range []string{"a b", "a/b", "a,b", "u@h", `a"`, "a#b", "a\\b"} {
		if _, err := Parse([]byte(strings.Replace(request(), "Host: backbone", "Host: "+host, 1))); err == nil || !strings.HasPrefix(err.Error(), "Host: must be") {
			t.Errorf("host %q: %v", host, err)
		}
	}
	for _, line := range []string{"GET /ws\rX HTTP/1.1", "GET /ws?\x00 HTTP/1.1", "GET /ws HTTP/1.1\nX: y"} {
		if _, err := Parse([]byte(strings.Replace(request(), "GET /ws HTTP/1.1", line, 1))); err == nil || !strings.HasPrefix(err.Error(), "request line: ") {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// FuzzParse: whatever comes, the library gets one line for each header, and no line that was not checked.
func FuzzParse(f *testing.F) {
	f.Add([]byte(request("Connection: close", "Sec-WebSocket-Protocol: a, b")))
	f.Add([]byte("GET /ws HTTP/1.1\r\nHost: \x00\r\n\r\n"))
	f.Fuzz(func(t *testing.T, head []byte) {
		h, err := Parse(head)
		again, errAgain := Parse(h.Text)
		if err == nil && (errAgain != nil || !bytes.Equal(again.Text, h.Text)) {
			t.Errorf("%q became %q, and then %q, %v", head, h.Text, again.Text, errAgain)
		}
		if lines := strings.Split(string(h.Text), crlf); len(lines) > 3+6 {
			t.Errorf("%q became %q", head, h.Text)
		}
	})
}
