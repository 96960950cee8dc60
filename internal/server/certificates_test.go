package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"backbone/internal/config"
	"backbone/internal/proctest"
	"backbone/internal/redistest"
)

// authority signs certificates of a test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.sign("ca", nil, nil)
	return a
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name+".pem") }

// sign writes a certificate and its key to files, signed by the parent or by itself.
func (a *authority) sign(name string, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: parent == nil, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if parent == nil {
		parent, by = cert, key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name: {Type: "CERTIFICATE", Bytes: der}, name + "-key": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(a.path(file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

// A Redis as its makers deliver it: certificates of a private authority, asked for of clients too.
func TestRedisWithCertificates(t *testing.T) {
	a := newAuthority(t)
	a.sign("redis", a.cert, a.key)
	a.sign("client", a.cert, a.key)
	port := strconv.Itoa(proctest.FreePort(t))
	redistest.Start(t, "--tls-port", port, "--tls-cert-file", a.path("redis"), "--tls-key-file", a.path("redis-key"),
		"--tls-ca-cert-file", a.path("ca"))
	with := func(ca, cert bool) func(*config.Serve) {
		return func(c *config.Serve) {
			c.RedisURL = "rediss://127.0.0.1:" + port
			if ca {
				c.RedisTLSCA = a.path("ca")
			}
			if cert {
				c.RedisTLSCert, c.RedisTLSKey = a.path("client"), a.path("client-key")
			}
		}
	}
	in := start(t, with(true, true))
	in.bridgeState("ok")
	start(t, with(false, true)).cause("certificate")
	start(t, with(true, false)).bridgeState("connecting")
}

// pool trusts the authority.
func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}
