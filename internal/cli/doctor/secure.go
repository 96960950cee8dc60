package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// soon is how long before its end a certificate is to be replaced.
const soon = 14 * 24 * time.Hour

// secure looks at TLS, for a server that is reached by it.
func (p *patient) secure(ctx context.Context) bool {
	if !p.server.Secure() || p.proxy != nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, p.cmd.ConnectTimeout)
	defer cancel()
	config := &tls.Config{}
	if p.opt.TLSConfig != nil {
		config = p.opt.TLSConfig.Clone()
	}
	config.ServerName, config.InsecureSkipVerify = p.host, true // verified below, to say more of what is wrong
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", p.addr)
	if err != nil {
		return p.noTLS(err)
	}
	defer conn.Close()
	got := conn.(*tls.Conn).ConnectionState()
	leaf := got.PeerCertificates[0]
	if p.cmd.InsecureSkipVerify {
		p.report.warn("tls", fmt.Sprintf("%s, and --insecure-skip-verify accepts any certificate", tls.VersionName(got.Version)), "use --ca-file in place of it")
		return true
	}
	now := time.Now()
	end := leaf.NotAfter.UTC().Format("2006-01-02 15:04 MST")
	switch {
	case now.After(leaf.NotAfter):
		return p.report.fail("tls", "the certificate expired on "+end, "replace the files of --tls-cert and --tls-key; a running server takes them without a restart")
	case now.Before(leaf.NotBefore):
		return p.report.fail("tls", "the certificate begins on "+leaf.NotBefore.UTC().Format("2006-01-02 15:04 MST"), "check the clock of this machine, or wait")
	}
	between := x509.NewCertPool()
	for _, c := range got.PeerCertificates[1:] {
		between.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: p.host, Roots: config.RootCAs, Intermediates: between}); err != nil {
		return p.untrusted(leaf, err)
	}
	text := fmt.Sprintf("%s, certificate until %s", tls.VersionName(got.Version), end)
	if left := leaf.NotAfter.Sub(now); left < soon {
		p.report.warn("tls", fmt.Sprintf("%s, %.0f hours", text, left.Hours()), "replace it; a running server takes the new one without a restart")
		return true
	}
	p.report.ok("tls", "%s", text)
	return true
}

// noTLS says why there is no TLS.
func (p *patient) noTLS(err error) bool {
	if errors.As(err, new(tls.RecordHeaderError)) {
		return p.report.fail("tls", p.addr+" answers, but not with TLS", "begin the URL with ws://, or give the server --tls-cert and --tls-key")
	}
	if errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, new(*net.OpError)) {
		return p.report.fail("tls", p.addr+" accepts a connection and answers no TLS handshake", "is it another service, or a server without --tls-cert? Then the URL begins with ws://")
	}
	return p.report.fail("tls", "the TLS handshake fails: "+err.Error(), "compare the versions of TLS that both ends allow")
}

// untrusted says why a certificate is not accepted.
func (p *patient) untrusted(leaf *x509.Certificate, err error) bool {
	if errors.As(err, new(x509.HostnameError)) {
		names := leaf.DNSNames
		for _, ip := range leaf.IPAddresses {
			names = append(names, ip.String())
		}
		return p.report.fail("tls", fmt.Sprintf("the certificate is for %s, and not for %s", strings.Join(names, ", "), p.host),
			"connect to a name that is in it, or issue one for this name")
	}
	if errors.As(err, new(x509.UnknownAuthorityError)) {
		todo := "name the file of that authority's certificate with --ca-file"
		if p.cmd.CAFile != "" {
			todo = "--ca-file holds another authority's certificate, or the server does not send the certificates in between"
		}
		return p.report.fail("tls", fmt.Sprintf("the certificate is signed by %q, which this machine does not trust", leaf.Issuer), todo)
	}
	return p.report.fail("tls", "the certificate is not accepted: "+err.Error(), "issue another one")
}
