package feedtest

import (
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/feed"
)

// Contract runs the table of misbehaviours against an exchange. Each session has to end with
// exactly the live prices, in order, once, digits unchanged.
func Contract(t *testing.T, e feed.Exchange) {
	for _, kind := range e.Kinds {
		for _, row := range table() {
			t.Run(string(kind)+"/"+row.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := Start(t, e, kind, row.bad, row.adapt)
					row.run(s)
					s.Finish()
				})
			})
		}
	}
}

// Fuzz runs an adapter's Decode on frames of its exchange, and on what the fuzzer makes of them.
// Further seeds are frames of text.
func Fuzz(f *testing.F, e feed.Exchange, seeds ...string) {
	for _, kind := range e.Kinds {
		d := e.Dialect(kind)
		good, bad := d.Symbols()
		symbols := append(good[:], bad)
		add := func(frames ...feed.Frame) {
			for _, frame := range frames {
				f.Add(kind == feed.Tickers, frame.Op == feed.Binary, frame.Data)
			}
		}
		add(d.Greeting()...)
		add(d.Heartbeat()...)
		add(d.Notice()...)
		for n, text := range Texts() {
			p := d.Price(good[0], text, n+1, 1_700_000_000_123)
			add(d.Prices(good[0], []feed.Price{p, d.Price(good[0], "1", n+2, 1_700_000_000_124)})...)
			add(d.Snapshot(good[1], []feed.Price{p})...)
			add(d.Raw(good[0], p, "null"))
		}
		for _, part := range plan(f, e, kind, symbols) {
			for _, asked := range part.New().Open() {
				add(d.Ack(asked, symbols)...)
				refusal, _ := d.Reject(asked, good[:], []string{bad})
				add(refusal...)
			}
		}
	}
	for _, seed := range seeds {
		f.Add(false, false, []byte(seed))
		f.Add(true, false, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, tickers, binary bool, data []byte) {
		kind, op := feed.Trades, feed.Text
		if tickers && len(e.Kinds) > 1 {
			kind = feed.Tickers
		}
		if binary {
			op = feed.Binary
		}
		good, bad := e.Dialect(kind).Symbols()
		asked := map[string]bool{good[0]: true, good[1]: true, good[2]: true, bad: true}
		var out feed.Events
		for _, part := range plan(t, e, kind, append(good[:], bad)) {
			session := part.New()
			session.Open()
			for range 2 { // the second time with what the first has left
				out.Reset()
				_ = session.Decode(op, data, &out) // any error, but no panic
				for _, event := range out.List() {
					check(t, event, asked)
				}
			}
			session.Tick(time.Unix(1_700_000_000, 0))
		}
	})
}

func plan(t testing.TB, e feed.Exchange, kind feed.Kind, symbols []string) []feed.Part {
	parts, err := e.Plan(feed.Request{URL: e.URL, Kind: kind, Symbols: symbols})
	if err != nil {
		t.Fatal(err)
	}
	return parts
}

// check holds an event to what the runner takes for granted.
func check(t *testing.T, e feed.Event, asked map[string]bool) {
	switch e.Kind {
	case feed.EventPrice, feed.EventSnapshot:
		if !asked[e.Price.Symbol] || e.Price.TS < 0 || e.Price.Text == "" {
			t.Errorf("%+v", e.Price)
		}
	case feed.EventAck, feed.EventReject:
		if !asked[e.Symbol] {
			t.Errorf("%q is acked or rejected, but was not asked for", e.Symbol)
		}
	}
}
