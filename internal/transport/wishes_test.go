package transport

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/protocol"
)

func TestWhatAJoinAsksOfConflationIsChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := onPipes(t, settings{}).consumer()
		for _, c := range []struct{ keys, message string }{
			{`"max_rate":0.009`, `max_rate: must be 0 or a number from 0.01 to 1000, events per second, got 0.009`},
			{`"max_rate":1000.1`, `max_rate: must be 0 or a number from 0.01 to 1000, events per second, got 1000.1`},
			{`"max_rate":-2`, `max_rate: must be 0 or a number from 0.01 to 1000, events per second, got -2`},
			{`"max_rate":1e999`, `max_rate: must be 0 or a number from 0.01 to 1000, events per second, got 1e999`},
			{`"max_rate":"2"`, `max_rate: must be a JSON number, got string`},
			{`"conflate":true`, `conflate: must be a JSON string, got boolean`},
			{`"conflate":"Never"`, `conflate: must be \"never\" or \"behind\"`},
			{`"conflate":"never","max_rate":2`, `conflate: \"never\" refuses what max_rate asks for: send one of them`},
		} {
			p.send(`{"type":"join","room":"X",` + c.keys + `}`)
			p.hears(`{"type":"error","code":"` + string(protocol.CodeInvalidEvent) + `","message":"` + c.message + `"}`)
		}
		for _, keys := range []string{`"max_rate":0.01`, `"max_rate":1e3`, `"max_rate":0`, `"conflate":"never","max_rate":0`, `"conflate":"behind","max_rate":2`} {
			p.send(`{"type":"join","room":"X",` + keys + `}`)
			p.hears(`{"type":"joined","room":"X"}`)
		}
	})
}

// The rate holds for all rooms of the join, and the newest arrives without another event.
func TestAConsumerGetsNoMoreThanItAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: fresh})
		full, some := i.distant(joinFive), i.distant(strings.Replace(joinFive, "{", `{"max_rate":2,`, 1))
		end := i.feed(10 * time.Millisecond)
		full.read(t, 10*time.Second)
		n := end()
		full.read(t, time.Second)
		if full.h.prices != n || full.h.skipped > 0 {
			t.Errorf("one that asked for all got %d of %d", full.h.prices, n)
		}
		some.read(t, 2*time.Second)
		if got := some.h.prices + int(some.h.skipped); got != n || some.h.prices > 5*22 || some.h.prices < 5*20 {
			t.Errorf("%d prices came in 10 s, and %d were skipped, of %d", some.h.prices, some.h.skipped, n)
		}
		if st := i.hub.Stats(); st.Throttled != some.h.skipped || st.Conflated > 0 {
			t.Errorf("counted %+v", st)
		}
	})
}

// A slow reader that refuses conflation gets everything until it is closed.
func TestAReaderThatRefusesConflationIsClosedInstead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: fresh})
		d := i.distant(strings.Replace(joinFive, "{", `{"conflate":"never",`, 1))
		end := i.feed(10 * time.Millisecond)
		d.read(t, time.Second)
		if d.code != 0 || d.h.prices < 450 {
			t.Fatalf("one that keeps up got %d prices and the code %d", d.h.prices, d.code)
		}
		d.rate = 10_000
		d.read(t, 20*time.Second)
		end()
		d.rate = 0
		d.read(t, 5*time.Second)
		if d.code != protocol.CloseSlowConsumer || d.h.skipped > 0 {
			t.Errorf("closed with %d, %d are skipped", d.code, d.h.skipped)
		}
		if st := i.hub.Stats(); st.Refused != 1 || st.Slow > 0 {
			t.Errorf("counted %+v", st)
		}
	})
}
