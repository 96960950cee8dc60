package feedtest

import (
	"bytes"
	"compress/gzip"
	"slices"
	"strings"
	"time"

	"backbone/internal/feed"
)

// frames are rows about frames as a whole.
func frames() []misbehaviour {
	costsOne := func(reason feed.Reason, frame func(*Session) feed.Frame) func(*Session) {
		return func(s *Session) {
			s.Trade(3)
			s.Send(frame(s))
			s.Trade(3)
			s.Wait(2 * time.Second)
			s.Errorf(s.Count(reason) == 1, "%s is counted %d times, want once", reason, s.Count(reason))
			s.Errorf(len(s.Connects()) == 1, "%d connections, want 1", len(s.Connects()))
		}
	}
	return []misbehaviour{
		{name: "frames in pieces", run: func(s *Session) {
			s.Trade(2)
			for _, symbol := range s.Symbols {
				p := s.Next(symbol, 1)
				s.Expect(symbol, p...)
				for _, f := range s.dialect.Prices(symbol, p) {
					s.Pieces(f)
				}
			}
			s.Trade(2)
		}},
		{name: "a frame of 5 MB", run: func(s *Session) {
			s.Trade(3)
			s.Send(feed.TextFrame(`{"pad":"` + strings.Repeat("x", 5<<20) + `"}`))
			s.Wait(3 * time.Second)
			s.Errorf(s.Count(feed.TooLarge) == 1, "%d frames count as too large, want 1", s.Count(feed.TooLarge))
			s.Trade(3)
		}},
		{name: "a gzip bomb", run: func(s *Session) {
			s.Trade(3)
			s.Send(bomb())
			s.Trade(3)
			s.Wait(2 * time.Second)
			s.Errorf(s.Count(feed.BadFrame)+s.Count(feed.Unknown) == 1, "the bomb is not counted")
			s.Errorf(len(s.Connects()) == 1, "%d connections, want 1", len(s.Connects()))
		}},
		{name: "text that is no UTF-8", run: costsOne(feed.BadFrame, func(s *Session) feed.Frame {
			f := s.framed(s.Next(s.Symbols[0], 1)[0])
			s.number[s.Symbols[0]]--
			return damaged(f)
		})},
		{name: "a frame that ends too early", run: costsOne(feed.BadFrame, func(s *Session) feed.Frame {
			f := s.framed(s.Next(s.Symbols[0], 1)[0])
			s.number[s.Symbols[0]]--
			return feed.Frame{Op: f.Op, Data: f.Data[:len(f.Data)/2]}
		})},
		{name: "an empty frame", run: costsOne(feed.BadFrame, func(*Session) feed.Frame { return feed.TextFrame("") })},
		{name: "a message of an unknown kind", run: costsOne(feed.Unknown, func(s *Session) feed.Frame {
			return s.like(`{"weather":"fine","forecast":[1,2,{"a":null}]}`)
		})},
		{name: "ping frames that want their payload back", run: func(s *Session) {
			for range 5 {
				s.Trade(1)
				s.Ping()
				s.Wait(20 * time.Second)
			}
			s.Errorf(len(s.Connects()) == 1, "%d connections, want 1", len(s.Connects()))
		}},
	}
}

// framed is the first frame of a price.
func (s *Session) framed(p feed.Price) feed.Frame {
	return s.dialect.Prices(p.Symbol, []feed.Price{p})[0]
}

// like is JSON, packed as the exchange packs its messages.
func (s *Session) like(text string) feed.Frame {
	f := s.framed(s.dialect.Price(s.Symbols[0], "1", 1, 1))
	if f.Op == feed.Binary && bytes.HasPrefix(f.Data, gzipMagic()) {
		return feed.Frame{Op: feed.Binary, Data: Gzip([]byte(text))}
	}
	return feed.Frame{Op: f.Op, Data: []byte(text)}
}

func gzipMagic() []byte { return []byte{0x1f, 0x8b} }

// damaged is a frame whose text is no UTF-8.
func damaged(f feed.Frame) feed.Frame {
	if bytes.HasPrefix(f.Data, gzipMagic()) {
		var g feed.Gunzip
		text, err := g.Bytes(f.Data)
		if err != nil {
			panic(err) // the dialect's own
		}
		return feed.Frame{Op: f.Op, Data: Gzip(spoil(text))}
	}
	return feed.Frame{Op: f.Op, Data: spoil(f.Data)}
}

// spoil puts a byte that is no character into the first text with a letter.
func spoil(text []byte) []byte {
	text = slices.Clone(text)
	text[bytes.IndexByte(text, '"')+1] = 0xff
	return text
}

// Gzip packs data.
func Gzip(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data) // a buffer takes all
	_ = w.Close()
	return b.Bytes()
}

// bomb is a small frame that unpacks to 64 MB.
func bomb() feed.Frame {
	return feed.Frame{Op: feed.Binary, Data: bytes.Repeat(Gzip(bytes.Repeat([]byte{' '}, 256<<10)), 256)}
}
