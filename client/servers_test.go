package client

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// several are servers at the hosts a, b and c, and what was tried of them.
type several struct {
	servers map[string]*server
	away    map[string]*atomic.Bool
	tried   chan string
	urls    string
}

func newSeveral(t *testing.T) *several {
	v := &several{servers: map[string]*server{}, away: map[string]*atomic.Bool{}, tried: make(chan string, 1000), urls: "ws://a,ws://b,ws://c"}
	for _, name := range []string{"a", "b", "c"} {
		v.servers[name], v.away[name] = newPipeServer(t), new(atomic.Bool)
	}
	return v
}

func (v *several) options() *ConnOptions {
	return &ConnOptions{Options: Options{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		name := strings.TrimSuffix(address, ":80")
		v.tried <- name
		if v.away[name].Load() {
			return nil, errors.New("no route")
		}
		return v.servers[name].dial(ctx, network, address)
	}}}
}

func (v *several) dial(t *testing.T) *Conn {
	t.Helper()
	c, err := Dial(t.Context(), v.urls, v.options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	expectEvent(t, c, Connected{})
	return c
}

// sinceThen returns the names of the servers that were tried since it was called last.
func (v *several) sinceThen() (names []string) {
	synctest.Wait()
	for len(v.tried) > 0 {
		names = append(names, <-v.tried)
	}
	return names
}

func (v *several) expectTried(t *testing.T, want string) {
	t.Helper()
	if got := strings.Join(v.sinceThen(), " "); got != want {
		t.Errorf("tried %q, want %q", got, want)
	}
}

func TestTheNextServerIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newSeveral(t)
		v.away["a"].Store(true)
		c := v.dial(t)
		v.expectTried(t, "a b")
		v.servers["b"].accept().kill()
		if down := expectDisconnected(t, c); down.Wait > 100*time.Millisecond {
			t.Errorf("the next server is tried after %v", down.Wait)
		}
		expectEvent(t, c, Connected{})
		expectEvent(t, c, Rejoined{})
		v.expectTried(t, "c")
		v.away["a"].Store(false)
		v.servers["c"].accept().kill()
		expectDisconnected(t, c)
		v.servers["a"].accept()
		v.expectTried(t, "a")
	})
}

// The waits grow by rounds: three servers that are away are not asked more often than one would be.
func TestWaitsAreThoseBetweenRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newSeveral(t)
		c := v.dial(t)
		for _, away := range v.away {
			away.Store(true)
		}
		v.servers["a"].accept().kill()
		expectDisconnected(t, c)
		v.expectTried(t, "a")
		for attempt := 2; attempt <= 9; attempt++ {
			down := expectDisconnected(t, c)
			if down.Attempt != attempt || down.Wait > 5*time.Second {
				t.Errorf("attempt %d after %v, want %d", down.Attempt, down.Wait, attempt)
			}
			want := "client: cannot connect: ws://b/ws: no route; ws://c/ws: no route; ws://a/ws: no route"
			failed, ok := errors.AsType[*ConnectError](down.Err)
			if !ok || failed.Error() != want || len(failed.Attempts) != 3 || failed.Attempts[1].URL != "ws://c/ws" || failed.URL != "ws://b/ws,ws://c/ws,ws://a/ws" {
				t.Errorf("got %v\nwant %s", down.Err, want)
			}
			v.expectTried(t, "b c a")
		}
	})
}

func TestABusyServerIsLeftAloneWhileOthersAreTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newSeveral(t)
		v.servers["a"].refuse <- status(503, "Retry-After", "30")
		v.away["b"].Store(true)
		c := v.dial(t)
		v.expectTried(t, "a b c")
		v.away["c"].Store(true)
		start := time.Now()
		v.servers["c"].accept().close(websocket.StatusTryAgainLater, "overloaded") // for 2.5 to 5 s
		down := expectDisconnected(t, c)
		for ; time.Since(start) < 20*time.Second; down = expectDisconnected(t, c) {
			if down.Wait > 5*time.Second {
				t.Errorf("a wait of %v", down.Wait)
			}
			for i, name := range v.sinceThen() {
				if name == "a" || name == "c" && time.Since(start) < 2500*time.Millisecond {
					t.Errorf("%s was tried after %v, as attempt %d", name, time.Since(start), i)
				}
			}
		}
		v.servers["a"].accept()
		if after := time.Since(start); after < 29*time.Second || after > 50*time.Second {
			t.Errorf("accepted after %v", after)
		}
	})
}

func TestARefusalByOneOfSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newSeveral(t)
		v.servers["a"].refuse <- status(401)
		c := v.dial(t) // b takes it
		v.expectTried(t, "a b")

		v.servers["c"].refuse <- status(403)
		v.servers["b"].accept().kill()
		expectDisconnected(t, c)
		expectEvent(t, c, Connected{}) // b again: a is left alone for a while, c refuses
		v.expectTried(t, "c b")
		c.Close()

		v.away["a"].Store(true)
		v.away["b"].Store(true)
		v.servers["c"].refuse <- status(401)
		if _, err := Dial(t.Context(), v.urls, v.options()); err == nil || errors.Is(err, ErrRefused) {
			t.Errorf("one refuses, the others are away: %v", err)
		}
		v.urls = "ws://c, ws://c/"
		v.servers["c"].refuse <- status(401)
		v.servers["c"].refuse <- status(401)
		o := v.options()
		o.KeepTrying = true
		_, err := Dial(t.Context(), v.urls, o)
		want := "client: cannot connect: ws://c/ws: the server answered 401 Unauthorized: says the server; ws://c/ws: the server answered 401 Unauthorized: says the server"
		if failed, ok := errors.AsType[*ConnectError](err); !ok || !errors.Is(err, ErrRefused) || failed.Status != 401 || err.Error() != want {
			t.Errorf("all refuse: %v", err)
		}
	})
}
