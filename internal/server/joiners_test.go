package server_test

import (
	"bytes"
	"flag"
	"net"
	"strings"
	"testing"
	"time"

	"backbone/internal/redistest"
)

var joiners = flag.Int("joiners", 1000, "connections that join one room at once")

// Many that are connected already join a room that the instance has not heard of since
// it started: Redis is asked once for all of them.
func TestManyJoinersCostRedisAHandfulOfReads(t *testing.T) {
	redis := redistest.Start(t)
	a := start(t, withRedis(redis.URL()))
	a.bridgeState("ok")
	publish(t, a.ingestor(), "BTC_USDT", 1, 7)
	if err := a.Stop(); err != nil { // a stop sends what waits
		t.Fatal(err)
	}
	b := start(t, withRedis(redis.URL()))
	b.bridgeState("ok")
	conns := make([]net.Conn, *joiners)
	for i := range conns {
		conns[i] = b.rawConsumer("OTHER")
		until(t, conns[i], `"joined","room":"OTHER"`)
	}
	// A read that fails because the connection is down, as on a busy machine, costs Redis nothing.
	costly := func() uint64 {
		s := b.Bridge().Stats()
		return s.Reads - s.ReadErrors
	}
	before := costly()
	join := maskedText(`{"type":"join","room":"BTC_USDT"}`)
	begun := time.Now()
	for _, c := range conns {
		if _, err := c.Write(join); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range conns {
		until(t, c, `"price":7,"ts":7,"snapshot":true}`)
	}
	reads := costly() - before
	t.Logf("%d joined within %v, at the cost of %d reads", len(conns), time.Since(begun), reads)
	if reads < 1 || reads > 5 {
		t.Errorf("%d joiners cost %d reads, want one", len(conns), reads)
	}
}

// until reads from c until what came contains the text, and returns all of it.
func until(t testing.TB, c net.Conn, text string) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	b := make([]byte, 1024)
	for !strings.Contains(got.String(), text) {
		n, err := c.Read(b)
		got.Write(b[:n])
		if err != nil {
			t.Fatalf("after %q: %v", got.String(), err)
		}
	}
	return got.String()
}
