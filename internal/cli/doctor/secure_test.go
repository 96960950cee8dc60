package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"backbone/internal/config"
	"backbone/internal/server/servertest"
)

// issue makes a certificate for 127.0.0.1 that is good from one time to another, and returns its files.
func issue(t *testing.T, from, to time.Duration, names ...string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "authority of the test"},
		NotBefore:    time.Now().Add(from),
		NotAfter:     time.Now().Add(to),
		DNSNames:     names,
		IsCA:         true, BasicConstraintsValid: true,
	}
	if len(names) == 0 {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: text}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// listen answers TLS handshakes with a certificate, and nothing else.
func listen(t *testing.T, cert, key string) (url string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).Handshake()
			_ = conn.Close()
		}
	}()
	return "wss://" + l.Addr().String()
}

const day = 24 * time.Hour

func TestCertificates(t *testing.T) {
	for _, c := range []struct {
		from, to time.Duration
		names    []string
		trusted  bool
		words    string
	}{
		{-2 * day, -day, nil, true, "the certificate expired on "},
		{day, 2 * day, nil, true, "the certificate begins on "},
		{-day, day, nil, false, `is signed by "CN=authority of the test", which this machine does not trust: name the file of that authority's certificate with --ca-file`},
		{-day, day, []string{"prices.example"}, true, "the certificate is for prices.example, and not for 127.0.0.1"},
	} {
		cert, key := issue(t, c.from, c.to, c.names...)
		var args []string
		if c.trusted {
			args = []string{"--ca-file", cert}
		}
		examine(t, listen(t, cert, key), args...).expect(t, "tls", broken, c.words)
	}
	another, _ := issue(t, -day, day)
	cert, key := issue(t, -day, day)
	url := listen(t, cert, key)
	examine(t, url, "--ca-file", another).expect(t, "tls", broken, "--ca-file holds another authority's certificate")
	e := examine(t, url, "--ca-file", cert) // which ends each connection
	e.expect(t, "tls", doubt, "hours: replace it")
	e.expect(t, "websocket", broken, "no WebSocket opens")
}

func TestTLS(t *testing.T) {
	cert, key := issue(t, -day, 90*day)
	server := servertest.Start(t, func(c *config.Serve) { c.TLSCert, c.TLSKey = cert, key })
	url := server.URL()
	e := examine(t, url, "--ca-file", cert)
	e.expect(t, "tls", fine, "TLS 1.3, certificate until 20")
	e.expect(t, "close", fine, "passed on")
	examine(t, url, "--insecure-skip-verify").expect(t, "tls", doubt, "accepts any certificate: use --ca-file")
	examine(t, "ws"+url[len("wss"):]).expect(t, "websocket", broken, "what came looks like HTTP without TLS\": begin the URL with wss://")
	asking := servertest.Start(t, func(c *config.Serve) { c.TLSCert, c.TLSKey, c.TLSClientCA = cert, key, cert })
	examine(t, asking.URL(), "--ca-file", cert, "--cert-file", cert, "--key-file", key).expect(t, "credentials", fine, "accepted: may consume and publish")
}
