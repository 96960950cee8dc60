package server_test

import (
	"crypto/tls"
	"errors"
	"path/filepath"
	"testing"

	"backbone/client"
	"backbone/internal/config"
)

// A client with a certificate of the authority needs no key: its name is that in the certificate, with
// the rights of the keys of that name. Taken out of the file, it is out.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	other := newAuthority(t)
	a.sign("server", a.cert, a.key)
	a.sign("feed", a.cert, a.key)
	a.sign("stranger", a.cert, a.key)
	other.sign("feed", other.cert, other.key)
	keys := filepath.Join(t.TempDir(), "keys")
	writeFile(t, keys, "feed:"+keyOne+" [\"A*\"]\n")
	in := start(t, func(c *config.Serve) {
		c.TLSCert, c.TLSKey, c.TLSClientCA, c.IngestKeysFile = a.path("server"), a.path("server-key"), a.path("ca"), keys
	})
	dial := func(by *authority, name string) (*client.Ingestor, error) {
		c := &tls.Config{RootCAs: a.pool(), MinVersion: tls.VersionTLS12}
		if name != "" {
			pair, err := tls.LoadX509KeyPair(by.path(name), by.path(name+"-key"))
			if err != nil {
				t.Fatal(err)
			}
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
		i, err := client.DialIngestor(within(t), in.URL(), &client.IngestorOptions{Options: client.Options{TLSConfig: c}})
		if err == nil {
			t.Cleanup(func() { i.Close() })
		}
		return i, err
	}
	feed, err := dial(a, "feed")
	if err != nil {
		t.Fatal(err)
	}
	if err := feed.PublishAck(within(t), client.PriceUpdate{Instrument: "AB", Price: "1", TS: 1}); err != nil {
		t.Error(err)
	}
	var refused *client.RequestError
	if err := feed.PublishAck(within(t), client.PriceUpdate{Instrument: "B", Price: "1", TS: 1}); !errors.As(err, &refused) {
		t.Errorf("an instrument that its keys do not have: %v", err)
	}
	for name, c := range map[string]struct {
		by   *authority
		name string
	}{"without": {a, ""}, "of another name": {a, "stranger"}, "of another authority": {other, "feed"}} {
		if _, err := dial(c.by, c.name); err == nil {
			t.Errorf("%s: publishing is possible", name)
		}
	}
	writeFile(t, keys, "other:"+keyOne+"\n")
	if _, err := in.Reload(within(t)); err != nil {
		t.Fatal(err)
	}
	ctx := within(t)
	for err = nil; err == nil && ctx.Err() == nil; {
		err = feed.PublishAck(ctx, client.PriceUpdate{Instrument: "AB", Price: "1", TS: 1})
	}
	var closed *client.CloseError
	if !errors.Is(err, client.ErrRefused) && (!errors.As(err, &closed) || closed.Code != client.CloseUnauthorized) {
		t.Errorf("with its name taken out: %v", err)
	}
}
