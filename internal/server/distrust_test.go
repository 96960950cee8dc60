package server_test

import (
	"crypto/tls"
	"net"
	"net/url"
	"testing"

	"backbone/internal/config"
)

// distrusting is a client as OpenSSL is one: what it says about a bad certificate is not encrypted yet.
type distrusting struct{ net.Conn }

func (d distrusting) Write(b []byte) (int, error) {
	if b[0] == 0x16 { // its hello
		return d.Conn.Write(b)
	}
	_, err := d.Conn.Write([]byte{0x15, 3, 3, 0, 2, 2, 48}) // fatal alert unknown_ca
	return len(b), err
}

// An operator reads from the log that a client does not trust the certificate, where Go's reason is another.
func TestDistrustIsNamed(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.sign("server", a.cert, a.key)
	in, log := startLogged(t, func(c *config.Serve) { c.TLSCert, c.TLSKey = a.path("server"), a.path("server-key") })
	at, err := url.Parse(in.URL())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", at.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := tls.Client(distrusting{conn}, &tls.Config{ServerName: "other", MinVersion: tls.VersionTLS13})
	if err := c.HandshakeContext(t.Context()); err == nil {
		t.Fatal("the certificate is trusted")
	}
	log.has("likely a client that does not trust the certificate")
}
