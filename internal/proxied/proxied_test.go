package proxied_test

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"backbone/internal/proxied"
)

// v2 is a PROXY header of version 2.
func v2(command, family byte, rest string) string {
	return "\r\n\r\n\x00\r\nQUIT\n" + string([]byte{command, family, byte(len(rest) >> 8), byte(len(rest))}) + rest
}

const (
	pair4 = "\xc0\x00\x02\x07\xc0\x00\x02\x01\x04\xd2\x1f\x90" // 192.0.2.7:1234 to 192.0.2.1:8080
	pair6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" + "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" + "\x04\xd2\x1f\x90"
)

var headers = map[string]string{
	"PROXY TCP4 192.0.2.7 192.0.2.1 1234 8080\r\n":                                 "192.0.2.7:1234",
	"PROXY TCP4 127.0.0.1 0.0.0.0 0 0\r\n":                                         "127.0.0.1:0", // of Caddy 2.11
	"PROXY TCP6 2001:db8::7 2001:db8::1 1234 8080\r\n":                             "[2001:db8::7]:1234",
	"PROXY TCP6 ::ffff:192.0.2.7 ::1 1234 8080\r\n":                                "192.0.2.7:1234",
	"PROXY UNKNOWN\r\n":                                                            "invalid AddrPort",
	"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n":                                "invalid AddrPort",
	v2(0x21, 0x11, pair4):                                                          "192.0.2.7:1234",
	v2(0x21, 0x21, pair6):                                                          "[2001:db8::7]:1234",
	v2(0x21, 0x11, pair4+"\x03\x00\x04abcd"):                                       "192.0.2.7:1234",   // with a TLV
	v2(0x20, 0x00, ""):                                                             "invalid AddrPort", // LOCAL
	v2(0x20, 0x11, pair4):                                                          "invalid AddrPort",
	v2(0x21, 0x00, ""):                                                             "invalid AddrPort", // UNSPEC
	v2(0x21, 0x00, "whatever"):                                                     "invalid AddrPort",
	v2(0x21, 0x31, strings.Repeat("\x00", 216)):                                    "invalid AddrPort", // a path
	v2(0x21, 0x11, pair4+strings.Repeat("x", 4096-len(pair4))):                     "192.0.2.7:1234",
	"PROXY UNKNOWN " + strings.Repeat("x", 107-len("PROXY UNKNOWN \r\n")) + "\r\n": "invalid AddrPort",
}

func TestHeaders(t *testing.T) {
	for text, want := range headers {
		for name, split := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "halves": iotest.HalfReader, "end with data": iotest.DataErrReader,
		} {
			r := strings.NewReader(text + "GET / HTTP/1.1")
			got, err := proxied.ReadHeader(split(r))
			if err != nil || got.String() != want {
				t.Errorf("%q, %s: %v, %v, want %s", text, name, got, err, want)
			}
			if name == "halves" || name == "end with data" {
				continue // they may read ahead
			}
			if rest, _ := io.ReadAll(r); string(rest) != "GET / HTTP/1.1" {
				t.Errorf("%q, %s: %q is left", text, name, rest)
			}
		}
	}
}

func TestWhatIsNoHeader(t *testing.T) {
	for _, text := range []string{
		"GET /ws HTTP/1.1\r\n\r\n", "P", "PROXX TCP4 1.1.1.1", "\r\n\r\n\x00\r\nQUIX\n", "\x16\x03\x01\x02\x00\x01", "proxy TCP4 192.0.2.7 192.0.2.1 1 2\r\n",
		"PROXY TCP4 192.0.2.7 192.0.2.1 1234\r\n", "PROXY TCP4 192.0.2.07 192.0.2.1 1 2\r\n", "PROXY TCP4 192.0.2.7 192.0.2.1 01 2\r\n",
		"PROXY TCP4 192.0.2.7 192.0.2.1 65536 2\r\n", "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n", "PROXY TCP6 192.0.2.7 192.0.2.1 1 2\r\n",
		"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "PROXY TCP4  192.0.2.7 192.0.2.1 1 2\r\n", "PROXY TCP5 192.0.2.7 192.0.2.1 1 2\r\n",
		"PROXY TCP4 192.0.2.7 x 1 2\r\n", "PROXY TCP4 192.0.2.7 192.0.2.1 1 2\n", "PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n",
		"PROXY UNKNOWN " + strings.Repeat("x", 108-len("PROXY UNKNOWN \r\n")) + "\r\n",
		v2(0x11, 0x11, pair4), v2(0x22, 0x11, pair4), v2(0x21, 0x41, pair4), v2(0x21, 0x13, pair4), v2(0x21, 0x11, pair4[1:]), v2(0x21, 0x21, pair4),
		v2(0x21, 0x11, strings.Repeat("x", 4097)), v2(0x21, 0x11, pair4)[:20], v2(0x21, 0x11, pair4)[:13],
	} {
		got, err := proxied.ReadHeader(strings.NewReader(text))
		if err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
		if begins := strings.HasPrefix(text, "PROXY ") || strings.HasPrefix(text, "\r\n\r\n\x00\r\nQUIT\n") || text == "P"; errors.Is(err, proxied.ErrNoHeader) == begins {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzReadHeader(f *testing.F) {
	for text := range headers {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		whole, err := proxied.ReadHeader(r)
		used := len(b) - r.Len()
		slow := bytes.NewReader(b)
		pieces, failed := proxied.ReadHeader(iotest.OneByteReader(slow))
		if whole != pieces || (err == nil) != (failed == nil) {
			t.Errorf("%q is %v, %v, and in pieces %v, %v", b, whole, err, pieces, failed)
		}
		if err == nil && (slow.Len() != r.Len() || used < 15 || used > 16+4096 || whole.Addr().Zone() != "" || whole.Addr().Is4In6()) {
			t.Errorf("%q: %v took %d bytes, %d in pieces", b, whole, used, len(b)-slow.Len())
		}
	})
}

func TestClient(t *testing.T) {
	proxies, err := proxied.Parse([]string{"10.0.0.0/8", "192.168.1.1", "fd00::/8", "::ffff:172.16.0.0/108"})
	if err != nil {
		t.Fatal(err)
	}
	const proxy = "10.0.0.1"
	for _, c := range []struct {
		peer              string
		forwardedFor, std []string
		want              string
		unread            bool
	}{
		{peer: proxy, want: proxy},
		{peer: proxy, forwardedFor: []string{"203.0.113.9"}, want: "203.0.113.9"},
		{peer: "203.0.113.1", forwardedFor: []string{"198.51.100.1"}, want: "203.0.113.1"}, // not trusted
		{peer: proxy, forwardedFor: []string{"1.1.1.1, 203.0.113.9, 10.2.3.4, 192.168.1.1"}, want: "203.0.113.9"},
		{peer: proxy, forwardedFor: []string{"1.1.1.1, 203.0.113.9", "10.2.3.4"}, want: "203.0.113.9"}, // two lines
		{peer: proxy, forwardedFor: []string{"10.9.9.9, 10.2.3.4"}, want: "10.9.9.9"},                  // all are trusted
		{peer: proxy, forwardedFor: []string{" 203.0.113.9:4711 ,"}, want: "203.0.113.9"},
		{peer: proxy, forwardedFor: []string{"[2001:db8::9]:4711,, "}, want: "2001:db8::9"},
		{peer: proxy, forwardedFor: []string{"[2001:db8::9]"}, want: "2001:db8::9"},
		{peer: proxy, forwardedFor: []string{"2001:db8::9"}, want: "2001:db8::9"},
		{peer: proxy, forwardedFor: []string{"2001:db8::9, fd00::1"}, want: "2001:db8::9"},
		{peer: proxy, forwardedFor: []string{"fe80::9%eth0"}, want: "fe80::9"},
		{peer: proxy, forwardedFor: []string{"::ffff:203.0.113.9"}, want: "203.0.113.9"},
		{peer: proxy, forwardedFor: []string{`"203.0.113.9"`}, want: "203.0.113.9"},
		{peer: "::ffff:10.0.0.1", forwardedFor: []string{"203.0.113.9"}, want: "203.0.113.9"},
		{peer: "172.16.5.5", forwardedFor: []string{"203.0.113.9"}, want: "203.0.113.9"},
		{peer: "", forwardedFor: []string{"203.0.113.9"}, want: "203.0.113.9"}, // a Unix socket
		{peer: "", want: "invalid IP"},
		{peer: proxy, forwardedFor: []string{"203.0.113.9, unknown"}, want: proxy, unread: true},
		{peer: proxy, forwardedFor: []string{"203.0.113.9, unknown, 10.1.1.1"}, want: "10.1.1.1", unread: true},
		{peer: proxy, forwardedFor: []string{"203.0.113.09"}, want: proxy, unread: true},
		{peer: proxy, forwardedFor: []string{"0.0.0.0"}, want: proxy, unread: true},
		{peer: proxy, forwardedFor: []string{"[203.0.113.9]"}, want: proxy, unread: true},
		{peer: proxy, forwardedFor: []string{"[2001:db8::9"}, want: proxy, unread: true},
		{peer: proxy, forwardedFor: []string{"_secret"}, std: []string{"for=203.0.113.9"}, want: proxy, unread: true},
		{peer: proxy, forwardedFor: []string{"203.0.113.8"}, std: []string{"for=203.0.113.9"}, want: "203.0.113.8"},
		{peer: proxy, std: []string{"for=203.0.113.9"}, want: "203.0.113.9"},
		{peer: proxy, std: []string{`For="[2001:db8::9]:4711";proto=http;by=203.0.113.43`}, want: "2001:db8::9"},
		{peer: proxy, std: []string{`for=1.1.1.1, proto=https;by="a,b;for=9.9.9.9";for=203.0.113.9, for=10.2.3.4`}, want: "203.0.113.9"},
		{peer: proxy, std: []string{`for="203.0.113.9:47"`, "for=10.2.3.4"}, want: "203.0.113.9"},
		{peer: proxy, std: []string{`by="x\",for=9.9.9.9"; for=203.0.113.9`}, want: "203.0.113.9"},
		{peer: proxy, std: []string{`for="evil, for=203.0.113.9`}, want: "203.0.113.9"},
		{peer: proxy, std: []string{"for=_hidden, for=10.2.3.4"}, want: "10.2.3.4", unread: true},
		{peer: proxy, std: []string{"for=unknown"}, want: proxy, unread: true},
		{peer: proxy, std: []string{"proto=http"}, want: proxy, unread: true},
		{peer: proxy, std: []string{`for="203.0.113.9`}, want: proxy, unread: true},
		{peer: proxy, std: []string{`for="203.0.113.\9"`}, want: proxy, unread: true},
	} {
		var peer netip.Addr
		if c.peer != "" {
			peer = netip.MustParseAddr(c.peer)
		}
		got, ok := proxies.Client(peer, c.forwardedFor, c.std)
		if got.String() != c.want || ok == c.unread {
			t.Errorf("%s, %q, %q: %v, %v, want %s", c.peer, c.forwardedFor, c.std, got, ok, c.want)
		}
	}
	if got, ok := proxied.Proxies(nil).Client(netip.Addr{}, []string{"203.0.113.9"}, nil); got.IsValid() || !ok {
		t.Errorf("without proxies it is %v, %v", got, ok)
	}
}

func FuzzClient(f *testing.F) {
	f.Add("1.1.1.1, 203.0.113.9", `for="[2001:db8::9]:4711";proto=http, for=10.2.3.4`)
	proxies, _ := proxied.Parse([]string{"10.0.0.0/8"})
	peer := netip.MustParseAddr("10.0.0.1")
	f.Fuzz(func(t *testing.T, forwardedFor, forwarded string) {
		for _, add := range []string{"", ", 203.0.113.9", ", 203.0.113.9, 10.2.3.4"} {
			for name, got := range map[string]func() (netip.Addr, bool){
				"X-Forwarded-For": func() (netip.Addr, bool) {
					return proxies.Client(peer, []string{forwardedFor, strings.TrimPrefix(add, ",")}, nil)
				},
				"X-Forwarded-For, one line": func() (netip.Addr, bool) {
					return proxies.Client(peer, []string{forwardedFor + add}, nil)
				},
				"Forwarded, one line": func() (netip.Addr, bool) {
					return proxies.Client(peer, nil, []string{forwarded + strings.ReplaceAll(add, " ", " for=")})
				},
				"Forwarded": func() (netip.Addr, bool) {
					return proxies.Client(peer, nil, []string{forwarded, strings.ReplaceAll(strings.TrimPrefix(add, ","), " ", " for=")})
				},
			} {
				a, ok := got()
				if !a.IsValid() || a.Zone() != "" {
					t.Errorf("%s: %v", name, a)
				}
				if add != "" && (!ok || a.String() != "203.0.113.9") { // whatever the client has written before
					t.Errorf("%s %q %q with %q: %v, %v", name, forwardedFor, forwarded, add, a, ok)
				}
			}
		}
	})
}

func TestWhatIsNoRange(t *testing.T) {
	for _, text := range []string{"", "10.0.0.0/33", "proxy.example.com", "10.0.0", "fe80::1%eth0", "10.0.0.0/8 "} {
		if p, err := proxied.Parse([]string{"10.0.0.0/8", text}); err == nil || !strings.Contains(err.Error(), strconv.Quote(text)) || p != nil {
			t.Errorf("%q: %v, %v", text, p, err)
		}
	}
}

func TestKey(t *testing.T) {
	for addr, want := range map[string]string{"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "fe80::1%eth0": "fe80::"} {
		if got := proxied.Key(netip.MustParseAddr(addr)); got.String() != want {
			t.Errorf("%s: %v, want %s", addr, got, want)
		}
	}
	if proxied.Key(netip.Addr{}).IsValid() {
		t.Error("no address has a key")
	}
}
