package feedtest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/feed"
	"backbone/internal/feed/runner"
)

// Session is a feed that runs against a Fake in memory, in fake time.
type Session struct {
	*Fake
	T       testing.TB
	Symbols []string // the good ones
	Bad     string   // one that does not exist
	dialect feed.Dialect
	runner  *runner.Runner
	stop    func()
	ended   chan error
	err     error // of Run, once it has ended

	want   map[string][]feed.Price // what has to be published, by symbol
	got    map[string][]feed.Price // owned by the outlet of the runner until it has ended
	number map[string]int          // of the last trade
	loose  bool                    // times are not compared: they are those of receiving
}

// Texts are prices as exchanges write them: all of them keep their digits.
func Texts() []string {
	return []string{"68580.0", "0.08200000000000000000", "1.58E-4", "9.9e-7", "1E-8", "118837.0", "60214.30", "0.00000291", "7", "0.10"}
}

// Start starts a feed of the good symbols, and of the bad one if asked for, in a bubble of fake time.
// adapt, which may be nil, changes how before. Finish ends it.
func Start(t testing.TB, e feed.Exchange, kind feed.Kind, bad bool, adapt func(*Session, *runner.Options)) *Session {
	d := e.Dialect(kind)
	good, unknown := d.Symbols()
	s := &Session{
		T: t, Symbols: good[:], Bad: unknown, dialect: d, ended: make(chan error, 1),
		want: map[string][]feed.Price{}, got: map[string][]feed.Price{}, number: map[string]int{},
	}
	serving, stopServing := context.WithCancel(t.Context())
	s.Fake = New(serving, d, e.Limits)
	network, stopped := listen(serving, s.Fake)
	symbols := slices.Clone(s.Symbols)
	if bad {
		symbols = append(symbols, unknown)
	}
	address, err := feed.Address(e.URL, "ws://memory")
	if err != nil {
		t.Fatal(err)
	}
	o := runner.Options{
		Exchange: e, Request: feed.Request{URL: address, Kind: kind, Symbols: symbols}, DialContext: network.Dial,
		Publish: func(_ context.Context, prices []feed.Price) error {
			for _, p := range prices {
				s.got[p.Symbol] = append(s.got[p.Symbol], p)
			}
			return nil
		},
	}
	if adapt != nil {
		adapt(s, &o)
	}
	if s.runner, err = runner.New(o); err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(t.Context())
	s.stop = func() {
		stop()
		s.err = <-s.ended
		stopServing()
		s.Fake.Wait()
		stopped()
	}
	go func() { s.ended <- s.runner.Run(running) }()
	s.Wait(3 * time.Second)
	return s
}

// Wait lets time pass, and what happens meanwhile be done.
func (s *Session) Wait(d time.Duration) {
	time.Sleep(d) // of the bubble
	synctest.Wait()
}

// Next makes the next n trades of a symbol, which are not published.
func (s *Session) Next(symbol string, n int) (list []feed.Price) {
	for range n {
		s.number[symbol]++
		i := s.number[symbol]
		time.Sleep(time.Millisecond) // of the bubble: each has a time of its own
		list = append(list, s.dialect.Price(symbol, Texts()[i%len(Texts())], i, time.Now().UnixMilli()))
	}
	return list
}

// Expect says that these have to be published.
func (s *Session) Expect(symbol string, prices ...feed.Price) {
	s.want[symbol] = append(s.want[symbol], prices...)
}

// Trade publishes the next n trades of each symbol, one message each, and expects them.
func (s *Session) Trade(n int) {
	for _, symbol := range s.Symbols {
		for _, p := range s.Next(symbol, n) {
			s.Expect(symbol, p)
			s.Publish(symbol, p)
		}
	}
	synctest.Wait()
}

// Together publishes the next n trades of each symbol in one call of the dialect, and expects them.
// The list is given to turn first.
func (s *Session) Together(n int, turn func([]feed.Price)) {
	for _, symbol := range s.Symbols {
		list := s.Next(symbol, n)
		s.Expect(symbol, list...)
		if turn != nil && len(s.dialect.Prices(symbol, list)) == 1 { // and not one message for each
			turn(list)
		}
		s.Publish(symbol, list...)
	}
	synctest.Wait()
}

// Repeat publishes the last n trades of each symbol again.
func (s *Session) Repeat(n int) {
	for _, symbol := range s.Symbols {
		for _, p := range s.want[symbol][max(0, len(s.want[symbol])-n):] {
			s.Publish(symbol, p)
		}
	}
	synctest.Wait()
}

// Refuse answers the next n handshakes with a status.
func (s *Session) Refuse(n, status int, retryAfter string) {
	s.Fake.Behave(Manners{Answer: func(w http.ResponseWriter) bool {
		refuse := false
		s.Fake.Do(func() {
			if refuse = n > 0; refuse {
				n--
			}
		})
		if refuse {
			if retryAfter != "" {
				w.Header().Set("Retry-After", retryAfter)
			}
			http.Error(w, "not now", status)
		}
		return refuse
	}})
}

// Status is what the runner says of itself.
func (s *Session) Status() runner.Status { return s.runner.Status() }

// Count is how often something happened, as the runner counts.
func (s *Session) Count(r feed.Reason) uint64 { return s.runner.Status().Counts[r] }

// State is the state of a symbol.
func (s *Session) State(symbol string) runner.State {
	for _, st := range s.runner.Status().Symbols {
		if st.Name == symbol {
			return st.State
		}
	}
	return ""
}

// Errorf fails the test unless ok.
func (s *Session) Errorf(ok bool, format string, args ...any) {
	s.T.Helper()
	if !ok {
		s.T.Errorf(format, args...)
	}
}

// Finish ends the session and compares what was published with what had to be.
func (s *Session) Finish() {
	s.T.Helper()
	s.Wait(2 * time.Second)
	breaches := s.Breaches()
	s.stop()
	if s.err != nil {
		s.T.Errorf("the feed ended: %v", s.err)
	}
	for _, b := range breaches {
		s.T.Errorf("a limit of the exchange is not kept: %s", b)
	}
	for _, symbol := range append(slices.Clone(s.Symbols), s.Bad) {
		got, want := s.got[symbol], s.want[symbol]
		if s.loose {
			got, want = without(got), without(want)
		}
		if !slices.EqualFunc(got, want, same) {
			s.T.Errorf("%s: %s", symbol, differ(got, want))
		}
	}
}

func without(list []feed.Price) []feed.Price {
	list = slices.Clone(list)
	for i := range list {
		list[i].TS = 0
	}
	return list
}

// same compares what consumers see.
func same(a, b feed.Price) bool {
	a.Seq, b.Seq, a.ByOne, b.ByOne = 0, 0, false, false
	return a == b
}

// differ names the first difference.
func differ(got, want []feed.Price) string {
	for i := range max(len(got), len(want)) {
		if i >= len(got) {
			return fmt.Sprintf("%d were published, want %d: %+v is missing", len(got), len(want), want[i])
		}
		if i >= len(want) {
			return fmt.Sprintf("%d were published, want %d: %+v is too much", len(got), len(want), got[i])
		}
		if !same(got[i], want[i]) {
			return fmt.Sprintf("%d of %d is\n%+v, want\n%+v", i, len(want), got[i], want[i])
		}
	}
	return ""
}
