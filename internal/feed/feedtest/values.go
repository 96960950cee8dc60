package feedtest

import (
	"testing/synctest"
	"time"

	"backbone/internal/feed"
)

// values are rows about single values.
func values() []misbehaviour {
	return []misbehaviour{
		{name: "prices of every spelling", run: func(s *Session) {
			for _, text := range append(Texts(), "0", "-3.5", "99999999999.12345678") {
				for _, symbol := range s.Symbols {
					next := s.Next(symbol, 1)[0]
					p := s.dialect.Price(symbol, text, s.number[symbol], next.TS)
					s.Expect(symbol, p)
					s.Publish(symbol, p)
				}
			}
		}},
		{name: "prices that are none", run: func(s *Session) {
			s.Trade(2)
			tokens := []string{`""`, `null`, `"NaN"`, `"+1"`, `".5"`, `"1."`, `"01"`, `"Infinity"`, `"0x10"`, `" 1"`, `"1e999"`, `{}`, `[1]`, `true`}
			for _, token := range tokens {
				p := s.Next(s.Symbols[0], 1)[0]
				s.number[s.Symbols[0]]--
				s.Send(s.dialect.Raw(s.Symbols[0], p, token))
			}
			s.Trade(2)
			s.Wait(2 * time.Second)
			s.Errorf(s.Count(feed.BadPrice) == uint64(len(tokens)), "%d prices were left out, want %d", s.Count(feed.BadPrice), len(tokens))
			s.Errorf(len(s.Connects()) == 1, "%d connections, want 1", len(s.Connects()))
		}},
		{name: "times of 1970", run: func(s *Session) {
			s.T.Helper()
			s.Trade(1)
			for _, symbol := range s.Symbols {
				p := s.Next(symbol, 1)[0]
				received := p
				p.TS = 0
				s.Expect(symbol, received)
				s.Publish(symbol, p)
				synctest.Wait()
			}
			s.Trade(1)
		}},
		{name: "times in another unit", run: func(s *Session) {
			s.Trade(1)
			for _, symbol := range s.Symbols {
				p := s.Next(symbol, 1)[0]
				received := p
				p.TS *= 200
				s.Expect(symbol, received)
				s.Publish(symbol, p)
				synctest.Wait()
			}
			s.Trade(3)
			s.Wait(2 * time.Second)
			s.Errorf(s.Count(feed.BadTime) == uint64(len(s.Symbols)), "%d times were wrong, want %d", s.Count(feed.BadTime), len(s.Symbols))
		}},
		{name: "data of a symbol that nobody asked for", run: func(s *Session) {
			s.Trade(2)
			p := s.dialect.Price(s.Bad, "1.5", 1, time.Now().UnixMilli())
			s.Send(s.framed(p))
			s.Trade(2)
			s.Wait(2 * time.Second)
			s.Errorf(s.Count(feed.Stranger) == 1, "it is counted %d times", s.Count(feed.Stranger))
		}},
	}
}
