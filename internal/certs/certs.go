// Package certs has the certificate that an instance shows its clients, and the authorities whose
// certificates it accepts from them. All of it can be replaced while the instance runs.
package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"backbone/internal/reload"
)

const (
	soon  = 14 * 24 * time.Hour // a certificate that ends within this time is warned of
	often = 24 * time.Hour
)

// Store has what is in use. Its methods are safe for concurrent use by multiple goroutines.
type Store struct {
	log    *slog.Logger
	config *tls.Config         // has the keys of tickets
	set    atomic.Pointer[set] // of Take
}

// set is what one Take has taken. It is immutable.
type set struct {
	config  *tls.Config
	leaf    *x509.Certificate
	begins  time.Time // of all certificates of the chain
	expires time.Time // of the first of the chain to expire
	ca      []byte
}

// New returns a Store that has nothing yet.
func New(log *slog.Logger) *Store {
	s := &Store{log: log}
	s.config = &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.set.Load().config, nil },
	}
	return s
}

// Take takes what files hold: a certificate chain, its private key, and, if there is a third, the
// authorities of clients. It is a [reload.Apply].
func (s *Store) Take(files []reload.File) (changed string, err error) {
	now, err := parse(files)
	if err != nil {
		return "", err
	}
	before := s.set.Swap(now)
	if !ordered(now.config.Certificates[0].Certificate) {
		s.log.Warn("clients may refuse the certificate: those behind it in the file have not signed each other in their order", "file", files[0].Path)
	}
	s.warn(time.Now())
	return now.difference(before), nil
}

func parse(files []reload.File) (*set, error) {
	cert, key := files[0], files[1]
	if bytes.Contains(key.Text, []byte("ENCRYPTED")) {
		return nil, fmt.Errorf("%s: the private key is encrypted: store it without a passphrase, as openssl pkey writes it", key.Path)
	}
	pair, err := tls.X509KeyPair(cert.Text, key.Text)
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %s", cert.Path, key.Path, strings.TrimPrefix(err.Error(), "tls: "))
	}
	now := &set{leaf: pair.Leaf, begins: pair.Leaf.NotBefore, expires: pair.Leaf.NotAfter}
	for _, der := range pair.Certificate[1:] {
		if other, err := x509.ParseCertificate(der); err == nil {
			if other.NotAfter.Before(now.expires) {
				now.expires = other.NotAfter
			}
			if other.NotBefore.After(now.begins) {
				now.begins = other.NotBefore
			}
		}
	}
	now.config = &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12,
		DynamicRecordSizingDisabled: true, // what is written at once is one record, and one system call
	}
	if len(files) > 2 {
		now.ca = files[2].Text
		now.config.ClientCAs, now.config.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
		if !now.config.ClientCAs.AppendCertsFromPEM(now.ca) {
			return nil, fmt.Errorf("%s: holds no certificate in PEM", files[2].Path)
		}
	}
	return now, nil
}

// ordered reports whether each certificate of a chain has signed the one before it.
func ordered(chain [][]byte) bool {
	var before *x509.Certificate
	for _, der := range chain {
		cert, err := x509.ParseCertificate(der)
		if err != nil || before != nil && before.CheckSignatureFrom(cert) != nil {
			return false
		}
		before = cert
	}
	return true
}

// difference says in what s differs from what was in use before; nil: nothing was.
func (s *set) difference(before *set) string {
	if before == nil {
		return ""
	}
	var changes []string
	if !s.leaf.Equal(before.leaf) || !s.expires.Equal(before.expires) {
		changes = append(changes, fmt.Sprintf("certificate valid until %s, before until %s", s.expires.UTC().Format(time.RFC3339), before.expires.UTC().Format(time.RFC3339)))
	}
	if !bytes.Equal(s.ca, before.ca) {
		changes = append(changes, "authorities of clients")
	}
	return strings.Join(changes, "; ")
}

// Config returns the configuration of a listener. Connections take what is in use when they begin.
func (s *Store) Config() *tls.Config { return s.config }

// Expires is when the certificate, or the first of those behind it, expires.
func (s *Store) Expires() time.Time { return s.set.Load().expires }

// Run warns once a day of a certificate that expires soon, until ctx ends.
func (s *Store) Run(ctx context.Context) {
	ticker := time.NewTicker(often)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			s.warn(now)
		case <-ctx.Done():
			return
		}
	}
}

// warn says in the log what is wrong with the life of the certificate.
func (s *Store) warn(now time.Time) {
	in := s.set.Load()
	left := in.expires.Round(0).Sub(now.Round(0)) // by the clock that people set
	about := []any{"names", names(in.leaf), "expires", in.expires.UTC().Format(time.RFC3339)}
	switch {
	case left <= 0:
		s.log.Error("the certificate has expired: clients refuse it", about...)
	case now.Before(in.begins):
		s.log.Warn("the certificate is not valid yet: clients refuse it", append(about, "valid_from", in.begins.UTC().Format(time.RFC3339))...)
	case left < soon:
		s.log.Warn("the certificate expires soon: replace it, and clients get the new one", append(about, "days", int(left/(24*time.Hour)))...)
	}
}

// names are those that a certificate is for.
func names(c *x509.Certificate) string {
	all := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return c.Subject.CommonName
	}
	return strings.Join(all, " ")
}
