package server_test

import (
	"regexp"
	"strings"
	"testing"

	"backbone/internal/redistest"
)

// stamped joins with stamps and returns the stamp of the next price.
func (in *instance) stamped(room string) func() string {
	c := in.rawJoin(`{"type":"join","room":"` + room + `","stamp":true}`)
	text := until(in.t, c, `"joined"`) // and perhaps more
	return func() string {
		for {
			_, rest, _ := strings.Cut(text, `,"epoch":`)
			if stamp, _, whole := strings.Cut(rest, "}"); whole {
				text = ""
				return regexp.MustCompile(`^"[0-9a-f]{16}\.0","seq":\d+,"at":\d{13}`).FindString(stamp)
			}
			text += until(in.t, c, "}")
		}
	}
}

// A price has one stamp, wherever it is heard: live on each instance, as a snapshot there, and
// from Redis when the instance that took it in is gone.
func TestAStampIsTheSameOnEveryInstance(t *testing.T) {
	redis := redistest.Start(t)
	a, b := pair(t, redis.URL())
	here, there := a.stamped("BTC_USDT"), b.stamped("BTC_USDT")
	publish(t, a.ingestor(), "BTC_USDT", 1, 1)
	first := here()
	if got := there(); first == "" || got != first {
		t.Errorf("on A it is %q, on B %q", first, got)
	}
	publish(t, a.ingestor(), "BTC_USDT", 2, 2)
	second := here()
	if got := there(); got != second || !strings.Contains(second, `"seq":2,`) {
		t.Errorf("the second is %q on A and %q on B, behind %q", second, got, first)
	}
	if got := b.stamped("BTC_USDT")(); got != second {
		t.Errorf("as a snapshot on B it is %q, want %q", got, second)
	}
	for _, in := range []*instance{a, b} {
		if err := in.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	c := start(t, withRedis(redis.URL()))
	c.bridgeState("ok")
	recovered := c.stamped("BTC_USDT")
	if got := recovered(); got != second {
		t.Errorf("read from Redis it is %q, want %q", got, second)
	}
	publish(t, c.ingestor(), "BTC_USDT", 3, 3)
	if got := recovered(); !strings.Contains(got, `"seq":1,`) || got[:18] == second[:18] {
		t.Errorf("of a new instance it is %q, want an epoch of its own", got)
	}
}
