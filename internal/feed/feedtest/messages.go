package feedtest

import (
	"reflect"
	"testing"

	"backbone/internal/feed"
)

// Message is a frame of an exchange and what its adapter has to make of it.
type Message struct {
	Text  string
	Frame feed.Frame   // instead of Text, where that is not a text frame
	Want  []feed.Event // none: the kind is unknown
	Fails bool         // it cannot be read
}

// Messages decodes messages in one session, which has asked for symbols.
func Messages(t *testing.T, e feed.Exchange, kind feed.Kind, symbols []string, list []Message) {
	t.Helper()
	session := only(t, e, kind, symbols)
	session.Open()
	for _, m := range list {
		f := m.Frame
		if f.Data == nil {
			f = feed.TextFrame(m.Text)
		}
		var out feed.Events
		err := session.Decode(f.Op, f.Data, &out)
		if got := out.List(); !reflect.DeepEqual(got, m.Want) || (err != nil) != m.Fails {
			t.Errorf("%s\ngives %+v, %v\nwant  %+v", m.Text, got, err, m.Want)
		}
	}
}

// Asks checks what a session sends first.
func Asks(t *testing.T, e feed.Exchange, kind feed.Kind, symbols []string, want ...string) {
	t.Helper()
	var got []string
	for _, f := range only(t, e, kind, symbols).Open() {
		got = append(got, string(f.Data))
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s asks\n%q, want\n%q", e.Name, got, want)
	}
}

// Benchmark decodes one message again and again.
func Benchmark(b *testing.B, e feed.Exchange, symbols []string, text string) {
	session := only(b, e, feed.Trades, symbols)
	session.Open()
	data := []byte(text)
	var out feed.Events
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		out.Reset()
		if err := session.Decode(feed.Text, data, &out); err != nil || out.Len() == 0 {
			b.Fatal(err)
		}
	}
}

// only is the session of the one connection that symbols need.
func only(t testing.TB, e feed.Exchange, kind feed.Kind, symbols []string) feed.Session {
	t.Helper()
	parts := plan(t, e, kind, symbols)
	if len(parts) != 1 {
		t.Fatalf("%d connections for %s", len(parts), symbols)
	}
	return parts[0].New()
}
