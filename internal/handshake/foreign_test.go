package handshake

import (
	"slices"
	"testing"
)

func TestForeign(t *testing.T) {
	for begin, want := range map[string]string{
		"GET /ws HTTP/1.1\r\n": "", "GET": "", "POST /": "", "PRI * HTTP/2.0": "", "get /": "", "M-SEARCH * HTTP/1.1": "", "PROXIMATE /": "", "PROX": "",
		"\x16\x03\x01\x02": "TLS", "\x16": "",
		"PROXY TCP4 192.0.2.1":           "PROXY protocol",
		"\r\n\r\n\x00\r\nQUIT\n\x21\x11": "PROXY protocol, version 2", "\r\n\r\n\x00\r": "",
		"SSH-2.0-OpenSSH_9\r\n": "SSH",
		"*1\r\n$4\r\nPING\r\n":  "Redis",
		"\x81\x85":              Other, "\x00": Other, "nonsense\r\n\r\n": Other, " GET / HTTP/1.1": Other, "\r\nGET / HTTP/1.1": Other, "{\"type\":\"ping\"}": Other, "\x1b[2J": Other,
	} {
		got := Foreign([]byte(begin), true)
		if got != want {
			t.Errorf("%q looks like %q, want %q", begin, got, want)
		}
		if got != "" && !slices.Contains(Foreigners(), got) {
			t.Errorf("%s is not listed", got)
		}
	}
}

// TLS reads five bytes and goes no further.
func TestForeignByFiveBytes(t *testing.T) {
	for begin, want := range map[string]string{
		"GET /": "", "POST ": "", "DELET": "", "PROXI": "",
		"PROXY": "PROXY protocol", "\r\n\r\n\x00": "PROXY protocol, version 2", "SSH-2": "SSH", "*1\r\n$": "Redis",
		"\x81\x85abc": Other, "\r\n\r\nG": Other,
	} {
		if got := Foreign([]byte(begin), false); got != want {
			t.Errorf("%q looks like %q, want %q", begin, got, want)
		}
	}
}
