package certs_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"backbone/internal/certs"
	"backbone/internal/logtest"
	"backbone/internal/reload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is a certificate and its key.
type pair struct {
	cert      *x509.Certificate
	key       *ecdsa.PrivateKey
	pem, priv []byte
}

// issue makes a certificate that lives for a time, signed by another or by itself.
func issue(t *testing.T, name string, life time.Duration, by *pair) *pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life),
		IsCA: by == nil, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	p := &pair{key: key}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	p.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	p.priv = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	if p.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *pair) tls() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{p.cert.Raw}, PrivateKey: p.key}
}

func files(texts ...[]byte) (all []reload.File) {
	for i, text := range texts {
		all = append(all, reload.File{Path: []string{"cert.pem", "key.pem", "ca.pem"}[i], Text: text})
	}
	return all
}

// handshake connects a client and returns what each side found.
func handshake(t *testing.T, s *certs.Store, client *tls.Config) (clientSide, serverSide *tls.ConnectionState, err error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	near, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server := tls.Server(far, s.Config())
	var serverErr error
	var accepting sync.WaitGroup
	accepting.Go(func() {
		defer far.Close()
		if serverErr = server.Handshake(); serverErr == nil {
			_, serverErr = server.Write([]byte("x")) // behind the tickets
		}
	})
	c := tls.Client(near, client)
	_, err = c.Read(make([]byte, 1))
	near.Close()
	accepting.Wait()
	if err = errors.Join(err, serverErr); err != nil {
		return nil, nil, err
	}
	mine, theirs := c.ConnectionState(), server.ConnectionState()
	return &mine, &theirs, nil
}

func trust(p *pair) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(p.cert)
	return &tls.Config{RootCAs: roots, ServerName: "backbone", MinVersion: tls.VersionTLS12}
}

func TestConnectionsTakeTheCertificateOfTheirTime(t *testing.T) {
	t.Parallel()
	first, second := issue(t, "backbone", 100*24*time.Hour, nil), issue(t, "backbone", 200*24*time.Hour, nil)
	var log logtest.Log
	s := certs.New(slog.New(slog.NewTextHandler(&log, nil)))
	if changed, err := s.Take(files(first.pem, first.priv)); changed != "" || err != nil {
		t.Fatal(changed, err)
	}
	if _, _, err := handshake(t, s, trust(first)); err != nil {
		t.Error(err)
	}
	for name, wrong := range map[string][]reload.File{
		"mismatch": files(second.pem, first.priv), "empty": files(nil, first.priv), "no key": files(second.pem, nil),
		"no PEM": files([]byte("x"), []byte("x")), "CA": files(second.pem, second.priv, []byte("x")),
		"encrypted": files(second.pem, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMTIz\n-----END ENCRYPTED PRIVATE KEY-----\n")),
	} {
		if _, err := s.Take(wrong); err == nil || !strings.Contains(err.Error(), ".pem: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := handshake(t, s, trust(first)); err != nil {
		t.Errorf("after what cannot be used: %v", err)
	}
	changed, err := s.Take(files(second.pem, second.priv))
	if want := "certificate valid until " + second.cert.NotAfter.Format(time.RFC3339) + ", before until " + first.cert.NotAfter.Format(time.RFC3339); changed != want || err != nil {
		t.Errorf("%q, %v; want %q", changed, err, want)
	}
	if _, _, err := handshake(t, s, trust(first)); err == nil {
		t.Error("the certificate before is still in use")
	}
	if _, _, err := handshake(t, s, trust(second)); err != nil {
		t.Error(err)
	}
	if !s.Expires().Equal(second.cert.NotAfter) || log.String() != "" {
		t.Errorf("expires %v, log %s", s.Expires(), log.String())
	}
	old := trust(second)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if _, _, err := handshake(t, s, old); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

func TestClientsShowCertificatesOfTheAuthorities(t *testing.T) {
	t.Parallel()
	own, ca, other := issue(t, "backbone", time.Hour*1000, nil), issue(t, "ca", time.Hour*1000, nil), issue(t, "other", time.Hour*1000, nil)
	feed, stranger := issue(t, "feed", time.Hour, ca), issue(t, "stranger", time.Hour, other)
	s := certs.New(slog.New(slog.DiscardHandler))
	if _, err := s.Take(files(own.pem, own.priv, ca.pem)); err != nil {
		t.Fatal(err)
	}
	with := func(p *pair) *tls.Config {
		c := trust(own)
		if p != nil {
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				cert := p.tls()
				return &cert, nil
			}
		}
		return c
	}
	if _, server, err := handshake(t, s, with(nil)); err != nil || len(server.PeerCertificates) > 0 {
		t.Errorf("without a certificate: %v", err)
	}
	if _, server, err := handshake(t, s, with(feed)); err != nil || server.PeerCertificates[0].Subject.CommonName != "feed" {
		t.Errorf("with a certificate: %v", err)
	}
	if _, _, err := handshake(t, s, with(stranger)); err == nil {
		t.Error("a certificate of another authority is accepted")
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		again := with(feed)
		again.ClientSessionCache, again.MaxVersion = tls.NewLRUClientSessionCache(1), version
		for resumes := range 2 {
			if c, _, err := handshake(t, s, again); err != nil || c.DidResume != (resumes == 1) {
				t.Fatalf("connection %d: %v", resumes, err)
			}
		}
		if changed, err := s.Take(files(own.pem, own.priv, other.pem)); changed != "authorities of clients" || err != nil {
			t.Errorf("%q, %v", changed, err)
		}
		if _, _, err := handshake(t, s, again); err == nil {
			t.Error("a session goes on although its authority is gone")
		}
		if _, _, err := handshake(t, s, with(stranger)); err != nil {
			t.Error(err)
		}
		if _, err := s.Take(files(own.pem, own.priv, ca.pem)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheEndOfACertificateIsToldTwoWeeksAheadOnceADay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const day = 24 * time.Hour
		var log logtest.Log
		s := certs.New(slog.New(slog.NewTextHandler(&log, nil)))
		lines := func(text string) int { return strings.Count(log.String(), text) }
		p := issue(t, "backbone", 20*day+time.Hour, nil)
		if _, err := s.Take(files(p.pem, p.priv)); err != nil {
			t.Fatal(err)
		}
		go s.Run(t.Context())
		time.Sleep(6*day + time.Minute)
		synctest.Wait()
		if log.String() != "" {
			t.Errorf("14 days and an hour ahead: %s", log.String())
		}
		time.Sleep(day)
		synctest.Wait()
		if n := lines(`level=WARN msg="the certificate expires soon: replace it, and clients get the new one" names=backbone expires=2000-01-21T01:00:00Z days=13`); n != 1 {
			t.Errorf("13 days ahead: %d lines of\n%s", n, log.String())
		}
		time.Sleep(14 * day)
		synctest.Wait()
		if warned, ended := lines("expires soon"), lines(`level=ERROR msg="the certificate has expired`); warned != 14 || ended != 1 {
			t.Errorf("after its end: %d and %d lines of\n%s", warned, ended, log.String())
		}
		p = issue(t, "backbone", 3*day, nil)
		if _, err := s.Take(files(p.pem, p.priv)); err != nil || lines("days=3") != 2 {
			t.Errorf("a new one: %v, %s", err, log.String())
		}
	})
}

func TestTheFirstOfAChainToExpireCounts(t *testing.T) {
	t.Parallel()
	root := issue(t, "root", 100*24*time.Hour, nil)
	leaf := issue(t, "backbone", 200*24*time.Hour, root)
	var log logtest.Log
	s := certs.New(slog.New(slog.NewTextHandler(&log, nil)))
	if _, err := s.Take(files(append(leaf.pem, root.pem...), leaf.priv)); err != nil || !s.Expires().Equal(root.cert.NotAfter) || log.String() != "" {
		t.Errorf("%v, expires %v, log %s", err, s.Expires(), log.String())
	}
	unrelated := issue(t, "other", 300*24*time.Hour, nil)
	if _, err := s.Take(files(append(leaf.pem, unrelated.pem...), leaf.priv)); err != nil || !strings.Contains(log.String(), "have not signed each other in their order") {
		t.Errorf("%v, log %s", err, log.String())
	}
}
