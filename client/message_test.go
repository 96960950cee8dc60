package client

import (
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/protocol"
)

func TestOnMessageHearsAllInOrderAndTakesWhatItWants(t *testing.T) {
	var heard []string
	c, p := newServer(t).consumer(ConnOptions{OnMessage: func(message []byte) bool {
		heard = append(heard, string(message))
		return string(message) == price("A", "2", 2)
	}})
	sent := []string{
		`{"type":"joined","rooms":["A"],"id":"1"}`,
		price("A", "1", 1),
		price("A", "2", 2),
		price("A", "3", 3),
	}
	async(t, func() {
		p.expect(protocol.TypeJoin)
		p.write(sent...)
	})
	if err := c.Join(patient(t), "A"); err != nil {
		t.Fatal(err)
	}
	expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: 1})
	expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "3", TS: 3})
	_ = c.Close()
	if !slices.Equal(heard, sent) {
		t.Errorf("heard %q, want %q", heard, sent)
	}
}

// A program that takes its time with a message is no silent server.
func TestAnOnMessageThatWaitsDoesNotCostTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c, p := newPipeServer(t).consumer(ConnOptions{
			Options:   Options{IdleTimeout: time.Second, PingTimeout: time.Second},
			OnMessage: func([]byte) bool { <-release; return false },
		})
		p.write(price("A", "1", 1))
		select {
		case e := <-c.Events():
			t.Errorf("got %v while OnMessage waits", e)
		case <-time.After(time.Minute):
		}
		close(release)
		expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: 1})
	})
}

// What the tap can not offer, the reader does: each message is heard once, in order.
func TestOnMessageHearsLongMessagesAndThoseWithinTLS(t *testing.T) {
	long := `{"type":"message","room":"A","data":"` + strings.Repeat("x", 2*tapBuffer) + `"}`
	sent := []string{price("A", "1", 1), long, price("A", "2", 2)}
	hear := func(s *server, o ConnOptions) []string {
		var heard []string
		all := make(chan struct{})
		o.OnMessage = func(message []byte) bool {
			heard = append(heard, string(message))
			if len(heard) == len(sent) {
				close(all)
			}
			return string(message) != sent[0] // refused ones are heard once too
		}
		c, p := s.consumer(o)
		p.write(sent...)
		select {
		case <-all:
		case <-patient(t).Done():
		}
		_ = c.Close()
		return heard
	}
	if heard := hear(newServer(t), ConnOptions{}); !slices.Equal(heard, sent) {
		t.Errorf("heard %.60q", heard)
	}
	s, roots := newTLSServer(t)
	if heard := hear(s, ConnOptions{Options: Options{TLSConfig: &tls.Config{RootCAs: roots}}}); !slices.Equal(heard, sent) {
		t.Errorf("within TLS: heard %.60q", heard)
	}
}

func newTLSServer(t *testing.T) (*server, *x509.CertPool) {
	s := newServer(t)
	srv := httptest.NewTLSServer(s)
	t.Cleanup(srv.Close)
	s.url = "wss" + strings.TrimPrefix(srv.URL, "https")
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	return s, roots
}
