package feedtest

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"backbone/internal/feed"
	"backbone/internal/feed/runner"
)

// misbehaviour is one row of the table: what an exchange does, and what has to come of it beside
// the live trades, in order, once, digits unchanged.
type misbehaviour struct {
	name  string
	bad   bool // a symbol that does not exist is asked for too
	adapt func(*Session, *runner.Options)
	run   func(*Session)
}

// table has what real exchanges were seen to do.
func table() []misbehaviour {
	return slices.Concat(acks(), order(), ends(), frames(), values())
}

func acks() []misbehaviour {
	manners := func(m Manners) func(*Session, *runner.Options) {
		return func(s *Session, _ *runner.Options) { s.Behave(m) }
	}
	trade := func(s *Session) {
		s.Trade(3)
		s.Wait(8 * time.Second)
		s.Trade(3)
		for _, symbol := range s.Symbols {
			s.Wait(time.Second)
			s.Errorf(s.State(symbol) == runner.Live, "%s is %s", symbol, s.State(symbol))
		}
	}
	return []misbehaviour{
		{name: "good manners", run: trade},
		{name: "an ack comes late", adapt: manners(Manners{AckDelay: 7 * time.Second}), run: trade},
		{name: "an ack never comes", adapt: manners(Manners{AckNever: true}), run: trade},
		{name: "an ack comes twice", adapt: manners(Manners{AckTwice: true}), run: trade},
		{name: "data comes before the ack", adapt: manners(Manners{DataFirst: true}), run: trade},
		{name: "an unknown symbol is acknowledged and silent", bad: true, adapt: manners(Manners{AckAll: true}), run: func(s *Session) {
			for range 9 {
				s.Trade(1)
				s.Wait(10 * time.Second)
			}
			s.Errorf(s.State(s.Bad) == runner.Quiet, "%s is %s, want silent after a minute", s.Bad, s.State(s.Bad))
			s.Errorf(s.Count(feed.Silent) == 1, "%d symbols fell silent, want 1", s.Count(feed.Silent))
			s.Errorf(len(s.Connects()) == 1, "%d connections, want 1", len(s.Connects()))
		}},
		{name: "one of a batch is refused", bad: true, run: func(s *Session) {
			s.Trade(3)
			s.Wait(5 * time.Second)
			s.Trade(3)
			s.Wait(time.Second)
			state := s.State(s.Bad)
			s.Errorf(state != runner.Live && state != runner.Down, "%s is %s", s.Bad, state)
		}},
	}
}

func order() []misbehaviour {
	return []misbehaviour{
		{name: "a snapshot overlaps with what comes live", adapt: func(s *Session, _ *runner.Options) {
			for _, symbol := range s.Symbols {
				past := s.Next(symbol, 5)
				s.Past(symbol, past)
				if len(s.dialect.Snapshot(symbol, past)) > 0 {
					s.Expect(symbol, past[4])
				}
			}
		}, run: func(s *Session) {
			for _, symbol := range s.Symbols {
				s.Repeat(1) // where there was a snapshot
				list := s.Next(symbol, 2)
				s.Expect(symbol, list...)
				s.Publish(symbol, list...)
			}
			s.Trade(2)
		}},
		{name: "a snapshot is newer than what was missed", run: func(s *Session) {
			s.Trade(2)
			for _, symbol := range s.Symbols {
				missed := s.Next(symbol, 5)
				s.Past(symbol, append(slices.Clone(s.want[symbol]), missed...))
				if len(s.dialect.Snapshot(symbol, missed)) > 0 {
					s.Expect(symbol, missed[4])
				}
			}
			s.Close(1006)
			s.Wait(3 * time.Second)
			s.Trade(2)
		}},
		{name: "the same trades come again after a reconnect", run: func(s *Session) {
			s.Trade(5)
			s.Close(0)
			s.Wait(3 * time.Second)
			s.Repeat(5)
			s.Trade(3)
			s.Repeat(8)
			s.Wait(2 * time.Second)
			s.Errorf(s.Count(feed.Duplicate)+s.Count(feed.Old) > 0, "nothing counts as published before")
		}},
		{name: "arrays hold the newest first", run: func(s *Session) {
			s.Together(5, nil)
			s.Wait(time.Second)
			s.Together(5, func(list []feed.Price) { slices.Reverse(list) })
		}},
		{name: "the numbers have a gap", run: func(s *Session) {
			s.Trade(3)
			byOne := false
			for _, symbol := range s.Symbols {
				byOne = s.Next(symbol, 4)[3].ByOne
			}
			s.Trade(3)
			s.Wait(2 * time.Second)
			want := uint64(0)
			if byOne {
				want = uint64(4 * len(s.Symbols))
			}
			s.Errorf(s.Count(feed.Gap) == want, "%d are counted as missing, want %d", s.Count(feed.Gap), want)
			s.Errorf(len(s.Connects()) == 1, "%d connections, want 1: a gap is no reason to reconnect", len(s.Connects()))
		}},
		{name: "the count of a connection has a gap", run: func(s *Session) {
			s.Trade(3)
			s.Lose(4)
			s.Trade(3)
			s.Wait(2 * time.Second)
			want := uint64(0)
			if _, counts := s.dialect.(Counter); counts {
				want = 4
			}
			s.Errorf(s.Count(feed.Gap) == want, "%d are counted as missing, want %d", s.Count(feed.Gap), want)
			s.Errorf(len(s.Connects()) == 1, "%d connections, want 1: a gap is no reason to reconnect", len(s.Connects()))
		}},
		{name: "times go back while numbers rise", run: func(s *Session) {
			s.Trade(2)
			for _, symbol := range s.Symbols {
				p := s.Next(symbol, 1)[0]
				earlier := s.dialect.Price(symbol, p.Text, s.number[symbol], p.TS-60_000)
				if p.Seq > 0 { // by which it is newer
					s.Expect(symbol, earlier)
				}
				s.Publish(symbol, earlier)
			}
			s.Trade(2)
		}},
		{name: "the numbers begin anew", run: func(s *Session) {
			s.Trade(5)
			for _, symbol := range s.Symbols {
				s.number[symbol] = 0
			}
			if s.want[s.Symbols[0]][0].Seq == 0 { // nothing tells
				s.number = map[string]int{s.Symbols[0]: 100, s.Symbols[1]: 100, s.Symbols[2]: 100}
				s.Trade(1)
				return
			}
			for _, symbol := range s.Symbols { // until it is certain, they are old
				s.Publish(symbol, s.Next(symbol, 1)...)
			}
			s.Wait(31 * time.Second)
			s.Trade(5)
			s.Wait(time.Second)
			s.Errorf(s.Count(feed.Restart) == uint64(len(s.Symbols)), "%d counts began anew", s.Count(feed.Restart))
		}},
	}
}

func ends() []misbehaviour {
	var rows []misbehaviour
	for name, code := range map[string]int{"1001": 1001, "1006": 0, "1008": 1008, "4001": 4001} {
		rows = append(rows, misbehaviour{name: "close " + name, run: func(s *Session) {
			s.Trade(3)
			before := time.Now()
			s.Close(code)
			s.Wait(2 * time.Second)
			connects := s.Connects()
			last := connects[len(connects)-1]
			s.Errorf(len(connects) == 2 && last.Sub(before) <= time.Second, "connections at %v, want the second within a second of %v", connects, before)
			s.Trade(3)
		}})
	}
	for _, status := range []int{http.StatusTooManyRequests, http.StatusTeapot, http.StatusServiceUnavailable} {
		rows = append(rows, misbehaviour{name: http.StatusText(status), run: func(s *Session) {
			s.Trade(3)
			s.Refuse(1, status, "90")
			before := time.Now()
			s.Close(0)
			s.Wait(89 * time.Second)
			s.Errorf(len(s.Connects()) == 2, "%d handshakes, want 2: Retry-After is kept", len(s.Connects()))
			s.Wait(10 * time.Second)
			s.Errorf(len(s.Connects()) == 3, "%d handshakes, want 3, since %v", len(s.Connects()), before)
			s.Trade(3)
		}})
	}
	return append(rows, []misbehaviour{
		{name: "451 at first", adapt: func(s *Session, _ *runner.Options) { s.Refuse(1, http.StatusUnavailableForLegalReasons, "") }, run: func(s *Session) {
			s.err = <-s.ended
			no, ok := errors.AsType[*runner.RefusedError](s.err)
			s.Errorf(ok && no.Status == http.StatusUnavailableForLegalReasons, "the feed ended with %v", s.err)
			s.ended <- nil
		}},
		{name: "451 after a connection that worked", run: func(s *Session) {
			s.Trade(3)
			s.Refuse(2, http.StatusUnavailableForLegalReasons, "")
			s.Close(0)
			s.Wait(time.Minute)
			s.Errorf(len(s.Connects()) == 2, "%d handshakes within a minute, want 2", len(s.Connects()))
			s.Wait(10 * time.Minute)
			s.Trade(3)
		}},
		{name: "the end is announced", run: func(s *Session) {
			s.Trade(3)
			s.Send(s.dialect.Notice()...)
			for range 3 {
				s.Wait(500 * time.Millisecond)
				s.Together(2, nil) // also on both connections
			}
			s.Wait(30 * time.Second)
			if len(s.dialect.Notice()) > 0 {
				s.Errorf(len(s.Connects()) == 2 && s.Peers() == 1, "%d connections were made and %d are left, want 2 and 1", len(s.Connects()), s.Peers())
				s.Errorf(s.Count(feed.Closed)+s.Count(feed.Lost) == 0, "the old connection was not left before it ended")
			}
			s.Trade(3)
		}},
		{name: "the old connection ends soon after its notice", run: func(s *Session) {
			s.Trade(3)
			s.Send(s.dialect.Notice()...)
			s.Wait(100 * time.Millisecond)
			for s.Peers() < 2 && len(s.dialect.Notice()) > 0 {
				s.Wait(10 * time.Millisecond)
			}
			s.Wait(time.Second)
			s.Trade(2)
			s.Drop(1001)
			s.Wait(2 * time.Second)
			s.Trade(3)
		}},
		{name: "a connection lives for a day", adapt: func(s *Session, o *runner.Options) {
			s.Behave(Manners{Lifetime: 5 * time.Minute})
			o.Exchange.Limits.Lifetime = 5 * time.Minute
		}, run: func(s *Session) {
			for range 100 {
				s.Together(1, nil)
				s.Wait(6 * time.Second)
			}
			s.Errorf(s.Count(feed.Closed)+s.Count(feed.Lost) == 0, "a connection reached its end")
			s.Errorf(s.Count(feed.Planned) >= 2, "%d connections were replaced", s.Count(feed.Planned))
		}},
		{name: "silence with signs of life", run: func(s *Session) {
			s.Trade(3)
			for range 7 * 60 / 5 {
				s.Wait(5 * time.Second)
				s.Send(s.dialect.Heartbeat()...)
				s.Ping()
			}
			s.Errorf(s.Count(feed.Silent) == uint64(len(s.Symbols)), "%d symbols fell silent, want all", s.Count(feed.Silent))
			s.Errorf(s.Count(feed.Dead) == 0, "the connection counts as dead")
			s.Errorf(s.Count(feed.Planned) == 1 && len(s.Connects()) == 2, "%d connections, want a new one after five minutes", len(s.Connects()))
			s.Trade(3)
			s.Wait(time.Second)
			s.Errorf(s.Count(feed.Live) == uint64(len(s.Symbols)), "%d symbols are live again", s.Count(feed.Live))
		}},
		{name: "silence without", adapt: func(s *Session, o *runner.Options) {
			s.Behave(Manners{NoPongs: true})
		}, run: func(s *Session) {
			s.Trade(3)
			s.Wait(s.limits.FrameQuiet + 4*time.Second)
			s.Errorf(s.Count(feed.Dead) == 1, "%d connections count as dead, want 1 after %v", s.Count(feed.Dead), s.limits.FrameQuiet)
			s.Trade(3)
		}},
		{name: "our signs of life have no answer, but data comes", adapt: func(s *Session, _ *runner.Options) { s.Behave(Manners{NoPongs: true}) }, run: func(s *Session) {
			for range 100 {
				s.Trade(1)
				s.Wait(3 * time.Second)
			}
			s.Errorf(len(s.Connects()) == 1, "%d connections, want 1", len(s.Connects()))
		}},
	}...)
}
