package bridge

import (
	"testing"
	"time"

	"backbone/internal/moment"
	"backbone/internal/redistest"
)

// A frozen Redis runs what lies in its sockets when it goes on, with the lifetimes of
// the time before. The next offer of the same value takes back what they have grown.
func TestALifetimeThatGrewInAFreezeIsTakenBack(t *testing.T) {
	noLeak(t)
	const ttl = 20 * time.Second
	s := redistest.Start(t)
	a := start(t, "A", s.URL(), func(o *Options) { o.TTL = ttl })
	a.linked()
	a.publish() // nothing is under way
	s.Freeze()
	e := tick("A", "BTC_USDT", 1, 1)
	a.publish(e)
	a.logged("redis is lost") // after the time-out of the call
	s.Thaw()
	a.linked()
	const key = "backbone:last:{17aitp}:price:BTC_USDT"
	lives := func() time.Duration { return moment.Now().Since(e.Born) + pttl(t, s, key) }
	if got := lives(); got < ttl+time.Second {
		t.Fatalf("lives for %v: the late call stored nothing late", got)
	}
	a.publish(recovered(e))
	a.publish() // taken once the call before is answered
	if got := lives(); got > ttl+500*time.Millisecond {
		t.Errorf("lives for %v after it was offered again, want %v", got, ttl)
	}

	e.Born -= ttl
	a.publish(recovered(e))
	a.publish()
	if got := s.CLI("EXISTS", key); got != "0" {
		t.Error("a value past its life is still there after it was offered again")
	}
}

func TestTheTimeThatAReadTakesIsPartOfAnAge(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	p := redistest.NewProxy(t, s)
	a := start(t, "A", p.URL(), func(o *Options) { o.ReadTimeout = patience })
	a.linked()
	e := tick("A", "BTC_USDT", 1, 1)
	a.publish(e)
	a.publish() // taken once the call before is answered
	const way = 500 * time.Millisecond
	p.Delay(way)
	got := a.read("BTC_USDT")
	if len(got.found) != 1 {
		t.Fatalf("read: %+v", got)
	}
	if younger := got.found[0].Born - e.Born; younger > way/2 {
		t.Errorf("born %v later than it was", younger)
	}
	p.Whole()
	a.read("BTC_USDT") // nothing is under way when the test ends
}
