package httpapi

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/hub"
	"backbone/internal/ingest"
	"backbone/internal/rates"
	"backbone/internal/transport"
	"backbone/protocol"
)

func testAccounts(l transport.Limits) *accounts {
	l.MaxBadMessages = max(l.MaxBadMessages, 1)
	return newAccounts(l, ingest.New(ingest.Options{Hub: make(chan []hub.BroadcastEvent)}))
}

func TestASenderPaysForWhatItSentBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testAccounts(transport.Limits{
			MaxIngestRate: rates.Rate{PerSecond: 10, Burst: 5}, MaxIngestByteRate: rates.PerSecond(1000), MaxMessageRate: rates.PerSecond(1), MaxBadMessages: 2,
		})
		is := func(role protocol.Role, name string, c cost, limit string, wait time.Duration) {
			t.Helper()
			v := a.charge(holder{role, name}, c, time.Now())
			if v.limit != limit || v.wait.Round(time.Millisecond) != wait || v.full {
				t.Errorf("%s %s %+v: %+v, want %q and %v", role, name, c, v, limit, wait)
			}
			if (v.publisher != nil) != (role == protocol.Ingestor && limit == "") {
				t.Errorf("publisher %v", v.publisher)
			}
		}
		in, out := protocol.Ingestor, protocol.Consumer
		is(in, "a", cost{messages: 25, bytes: 10}, "", 0) // 20 more than there are
		is(in, "a", cost{messages: 1, bytes: 10}, transport.LimitEvents, 2100*time.Millisecond)
		is(in, "b", cost{messages: 1, bytes: 1500}, "", 0) // others have accounts of their own
		is(in, "b", cost{messages: 1, bytes: 1}, transport.LimitEventBytes, 501*time.Millisecond)
		is(out, "a", cost{messages: 1}, "", 0) // and other roles
		is(out, "a", cost{messages: 1}, transport.LimitMessages, time.Second)
		time.Sleep(2100 * time.Millisecond)
		is(in, "a", cost{messages: 1, bytes: 10}, "", 0)
		is(in, "c", cost{messages: 1, bad: 3}, "", 0)
		is(in, "c", cost{messages: 1, bad: 1}, transport.LimitBadMessages, time.Minute)
		is(in, "c", cost{messages: 1}, "", 0) // a good one is nobody's fault
	})
}

func TestAccountsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testAccounts(transport.Limits{MaxMessageRate: rates.Rate{PerSecond: 1, Burst: 1}})
		charge := func(name string, n int) verdict {
			return a.charge(holder{protocol.Consumer, name}, cost{messages: n}, time.Now())
		}
		charge("debtor", 1000)
		for i := range maxAccounts - 1 {
			if charge(strconv.Itoa(i), 1).full {
				t.Fatalf("full after %d", i)
			}
		}
		if !charge("one more", 1).full {
			t.Error("there is place without end")
		}
		time.Sleep(idle)
		if charge("one more", 1).full || len(a.all) != 2 {
			t.Errorf("%d accounts after a minute", len(a.all))
		}
		if charge("debtor", 1).limit == "" {
			t.Error("a debt is forgotten")
		}
	})
}
