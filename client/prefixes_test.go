package client_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"backbone/client"
	"backbone/client/clienttest"
)

// prefixed is a consumer of a test server.
type prefixed struct {
	*client.Conn
	t *testing.T
}

func dialPrefixed(t *testing.T, srv *clienttest.Server) *prefixed {
	t.Helper()
	c, err := client.Dial(t.Context(), srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &prefixed{c, t}
}

// until returns the first event that fits.
func (p *prefixed) until(fits func(client.Event) bool) client.Event {
	p.t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case ev, open := <-p.Events():
			if !open {
				p.t.Fatal(p.Err())
			}
			if fits(ev) {
				return ev
			}
		case <-late:
			p.t.Fatal("it does not come")
		}
	}
}

func isA[T client.Event](ev client.Event) bool { _, is := ev.(T); return is }

func publishTo(t *testing.T, srv *clienttest.Server, instrument string) {
	t.Helper()
	if err := srv.Publish(`{"type":"price_update","instrument":"` + instrument + `","price":1,"ts":1}`); err != nil {
		t.Fatal(err)
	}
}

// A prefix brings the rooms that there are and those that come, also on the next connection, until it is left.
func TestAPrefixIsJoinedAgain(t *testing.T) {
	t.Parallel()
	srv := clienttest.NewServer()
	defer srv.Close()
	publishTo(t, srv, "BTC_USDT")
	publishTo(t, srv, "ETH_USDT")
	p := dialPrefixed(t, srv)
	ctx := t.Context()
	if err := p.Join(ctx, "BTC_NAMED"); err != nil {
		t.Fatal(err)
	}
	if all, err := p.ListRooms(ctx, ""); err != nil || !slices.Equal(all, []string{"BTC_USDT", "ETH_USDT"}) {
		t.Fatalf("listed %q, %v", all, err)
	}
	if err := p.JoinPrefix(ctx, "BTC_"); err != nil {
		t.Fatal(err)
	}
	if ev := p.until(isA[client.Joined]).(client.Joined); ev.Prefix != "BTC_" || !slices.Equal(ev.Rooms, []string{"BTC_USDT"}) {
		t.Errorf("%+v", ev)
	}
	publishTo(t, srv, "BTC_EUR")
	if ev := p.until(isA[client.Joined]).(client.Joined); !slices.Equal(ev.Rooms, []string{"BTC_EUR"}) {
		t.Errorf("%+v", ev)
	}
	if ev := p.until(isA[client.PriceUpdate]).(client.PriceUpdate); ev.Instrument != "BTC_EUR" {
		t.Errorf("%+v", ev)
	}
	srv.Disconnect()
	again := p.until(isA[client.Rejoined]).(client.Rejoined)
	if want := []string{"BTC_EUR", "BTC_NAMED", "BTC_USDT"}; !slices.Equal(again.Rooms, want) || !slices.Equal(p.Rooms(), want) {
		t.Errorf("%+v, in %q", again, p.Rooms())
	}
	publishTo(t, srv, "BTC_NEW")
	if ev := p.until(isA[client.Joined]).(client.Joined); !slices.Equal(ev.Rooms, []string{"BTC_NEW"}) {
		t.Errorf("%+v", ev)
	}
	if err := p.LeavePrefix(ctx, "BTC_"); err != nil {
		t.Fatal(err)
	}
	if in := p.Rooms(); !slices.Equal(in, []string{"BTC_NAMED"}) {
		t.Errorf("in %q", in)
	}
	var refused *client.RequestError
	if err := p.LeavePrefix(ctx, "BTC_"); !errors.As(err, &refused) || refused.Code != client.CodeNotJoined {
		t.Errorf("left twice: %v", err)
	}
	if err := p.JoinPrefix(ctx, "a\nb"); !errors.As(err, &refused) || refused.Code != client.CodeInvalidRoom {
		t.Errorf("joined a line break: %v", err)
	}
}
