package bridge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

// What comes from Redis itself is tested where there is one.
func TestCauseOfAnError(t *testing.T) {
	for want, causes := range map[string][]error{
		"timeout": {context.DeadlineExceeded, noEchoError(time.Second), &net.OpError{Op: "dial", Err: context.DeadlineExceeded},
			&net.DNSError{IsTimeout: true}},
		"host name":   {&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}},
		"unreachable": {&net.OpError{Op: "dial", Err: errors.New("connection refused")}},
		"RESP3":       {errNoRESP3},
		"TLS":         {errTLSPort},
		"maxclients":  {refusal("ERR max number of clients reached"), advise(refusal("ERR max number of clients reached"))},
		"answer":      {refusal("LOADING")},
		"certificate": {&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}},
		"lost":        {errLost, io.EOF, rueidis.ErrClosing, net.ErrClosed, &net.OpError{Op: "read", Err: errors.New("reset by peer")}},
		"other":       {errOthersNow, errors.New("of 10.0.0.1 with WRONGPASS")},
	} {
		for _, err := range causes {
			for _, err := range []error{err, fmt.Errorf("outer: %w", err), errors.Join(errors.New("another"), err)} {
				if got := cause(err); got != want {
					t.Errorf("%v: %q, not %q", err, got, want)
				}
			}
		}
	}
	down := ShardStatus{Name: "a", State: Degraded}.failed(io.EOF)
	if down.Name != "a" || down.State != Degraded || down.Reason != "EOF" || down.Cause != "lost" {
		t.Errorf("%+v", down)
	}
}
