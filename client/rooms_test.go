package client

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"backbone/protocol"
)

func TestOptionsOfAJoinAreRememberedPerRoom(t *testing.T) {
	s := newServer(t)
	c, p := s.consumer(ConnOptions{})
	async(t, func() {
		for range 4 {
			p.join()
		}
		m := p.expect(protocol.TypeLeave)
		p.answer(protocol.ServerMessage{Type: protocol.TypeLeft, Room: m.Room, ID: m.ID})
	})
	for _, join := range []struct {
		options JoinOptions
		rooms   []string
	}{
		{JoinOptions{Status: true}, []string{"D", "B"}},
		{JoinOptions{}, []string{"A"}},
		{JoinOptions{Status: true, MarkEmpty: true}, []string{"C"}},
		{JoinOptions{Status: true}, []string{"E", "F"}},
	} {
		if err := c.JoinWith(patient(t), join.options, join.rooms...); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Leave(patient(t), "E"); err != nil {
		t.Fatal(err)
	}
	if got := c.Rooms(); !slices.Equal(got, []string{"A", "B", "C", "D", "F"}) {
		t.Errorf("Rooms: %v", got)
	}
	p.kill()
	expectDisconnected(t, c)
	if got := c.Rooms(); len(got) != 5 {
		t.Errorf("Rooms without a connection: %v", got)
	}
	p = s.accept()
	for _, want := range []string{
		`{"type":"join","rooms":["A"],"marks":true,"id":"6"}`,
		`{"type":"join","rooms":["B","D","F"],"status":true,"marks":true,"id":"7"}`,
		`{"type":"join","rooms":["C"],"mark_empty":true,"status":true,"marks":true,"id":"8"}`,
	} {
		if got := p.readText(); got != want {
			t.Errorf("server got %s\nwant %s", got, want)
		}
	}
	for i, rooms := range [][]string{{"A"}, {"B", "D"}, {"C"}} {
		m := protocol.ServerMessage{Type: protocol.TypeJoined, Rooms: rooms, ID: fmt.Sprint(6 + i)}
		if i == 1 {
			m.Rejected = []protocol.Rejected{{Room: "F", Code: protocol.CodeTooManyRooms, Message: "limit"}}
		}
		p.answer(m)
	}
	expectEvent(t, c, Connected{})
	expectEvent(t, c, Rejoined{Rooms: []string{"A", "B", "C", "D"}, Rejected: []Rejected{{Room: "F", Code: CodeTooManyRooms, Message: "limit"}}})
	if got := c.Rooms(); !slices.Equal(got, []string{"A", "B", "C", "D"}) {
		t.Errorf("Rooms after one was rejected: %v", got)
	}
}

// A server changes nothing at a repeated join, and the error tells the program.
func TestJoinWithOtherOptionsChangesNothingAndSaysSo(t *testing.T) {
	s := newServer(t)
	c, p := s.consumer(ConnOptions{})
	async(t, func() {
		for range 8 { // rooms of other options in one each
			p.join()
		}
	})
	status, empty := JoinOptions{Status: true}, JoinOptions{MarkEmpty: true}
	for _, join := range []struct {
		options   JoinOptions
		rooms     []string
		unchanged []string
	}{
		{status, []string{"A"}, nil},
		{status, []string{"A"}, nil},
		{JoinOptions{}, []string{"A", "B"}, nil},
		{empty, []string{"B", "A", "C"}, []string{"A", "B"}},
		{empty, []string{"C"}, nil},
	} {
		err := c.JoinWith(patient(t), join.options, join.rooms...)
		failed, ok := errors.AsType[*JoinError](err)
		if ok != (join.unchanged != nil) || ok && (!slices.Equal(failed.Unchanged, join.unchanged) || failed.Rejected != nil) {
			t.Errorf("%+v %v: got %v, want %v unchanged", join.options, join.rooms, err, join.unchanged)
		}
	}
	p.kill()
	p = s.accept()
	for _, want := range []string{
		`{"type":"join","rooms":["A"],"status":true,"marks":true,"id":"9"}`,
		`{"type":"join","rooms":["B"],"marks":true,"id":"10"}`,
		`{"type":"join","rooms":["C"],"mark_empty":true,"marks":true,"id":"11"}`,
	} {
		if got := p.readText(); got != want {
			t.Errorf("server got %s\nwant %s", got, want)
		}
	}
}

// What a later join changes is what is joined again.
func TestALaterJoinChangesTheRate(t *testing.T) {
	s := newServer(t)
	c, p := s.consumer(ConnOptions{})
	for i, join := range []struct {
		options   JoinOptions
		want      string // of the join
		unchanged bool
		again     string // of the join on the next connection
	}{
		{JoinOptions{MaxRate: 2}, `"max_rate":2,`, false, `"max_rate":2,`},
		{JoinOptions{}, ``, false, `"max_rate":2,`},
		{JoinOptions{MaxRate: 0.2, Stamp: true}, `"stamp":true,"max_rate":0.2,`, false, `"stamp":true,"max_rate":0.2,`},
		{JoinOptions{MaxRate: 5}, `"max_rate":5,`, false, `"stamp":true,"max_rate":5,`},
		{JoinOptions{Conflate: ConflateNever}, `"conflate":"never",`, false, `"stamp":true,"conflate":"never",`},
		{JoinOptions{Conflate: ConflateNever, Status: true}, `"conflate":"never",`, true, `"stamp":true,"conflate":"never",`},
		{JoinOptions{Conflate: ConflateBehind}, `"conflate":"behind",`, false, `"stamp":true,`},
		{JoinOptions{Conflate: ConflateNever, MaxRate: NoMaxRate}, `"max_rate":0,"conflate":"never",`, false, `"stamp":true,"conflate":"never",`},
		{JoinOptions{MaxRate: 5}, `"max_rate":5,`, false, `"stamp":true,"max_rate":5,`},
		{JoinOptions{MaxRate: NoMaxRate}, `"max_rate":0,`, false, `"stamp":true,`},
	} {
		form := func(options string) string {
			return `{"type":"join","rooms":["A"],"marks":true,` + options
		}
		reads := func(options string) {
			if got, want := p.readText(), form(options); !strings.HasPrefix(got, want+`"id":`) {
				t.Errorf("%d: the server got %s, want %s", i, got, want)
			}
		}
		async(t, func() {
			reads(join.want)
			p.answer(protocol.ServerMessage{Type: protocol.TypeJoined, Rooms: []string{"A"}, ID: fmt.Sprint(1 + 2*i)})
		})
		if _, failed := errors.AsType[*JoinError](c.JoinWith(patient(t), join.options, "A")); failed != join.unchanged {
			t.Errorf("%d: unchanged: %t", i, failed)
		}
		p.kill()
		expectDisconnected(t, c)
		p = s.accept()
		reads(join.again)
		p.answer(protocol.ServerMessage{Type: protocol.TypeJoined, Rooms: []string{"A"}, ID: fmt.Sprint(2 + 2*i)})
		expectEvent(t, c, Connected{})
		expectEvent(t, c, Rejoined{Rooms: []string{"A"}})
	}
}

func TestOptionsOfAJoinAreChecked(t *testing.T) {
	s := newServer(t)
	c, _ := s.consumer(ConnOptions{})
	for want, opt := range map[string]JoinOptions{
		"JoinOptions.SilentAfter: 1.5ms, expected a positive number of whole milliseconds": {SilentAfter: 1500 * time.Microsecond},
		"JoinOptions.MaxRate: 0.001, expected a number from 0.01 to 1000":                  {MaxRate: 0.001},
		"JoinOptions.MaxRate: 1001, expected a number from 0.01 to 1000":                   {MaxRate: 1001},
		"JoinOptions.MaxRate: -2, expected a number from 0.01 to 1000":                     {MaxRate: -2},
		"JoinOptions.MaxRate: NaN, expected a number from 0.01 to 1000":                    {MaxRate: math.NaN()},
		`JoinOptions.Conflate: "no", expected "behind" or "never"`:                         {Conflate: "no"},
		`JoinOptions.Conflate: "never" refuses what MaxRate asks for`:                      {Conflate: ConflateNever, MaxRate: 1},
	} {
		if err := c.JoinWith(t.Context(), opt, "A"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A server that is older than the rate refuses the rooms, and says why.
func TestAJoinWithARateAtAnOlderServer(t *testing.T) {
	s := newServer(t)
	c, p := s.consumer(ConnOptions{})
	async(t, func() {
		for range 2 {
			m := p.expect(protocol.TypeJoin)
			p.answer(protocol.ServerMessage{Type: protocol.TypeError, Code: protocol.CodeUnknownField, Message: "max_rate: unknown field", ID: m.ID})
		}
	})
	err := c.JoinWith(patient(t), JoinOptions{MaxRate: 2}, "A")
	if want := `client: not joined: "A": unknown_field: max_rate: unknown field`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestJoinErrorText(t *testing.T) {
	full := Rejected{Room: "A", Code: CodeTooManyRooms, Message: "limit"}
	for want, e := range map[string]JoinError{
		`client: not joined: "A": too_many_rooms: limit`:                                                              {Rejected: []Rejected{full}},
		`client: joined before with other options: "X"; "Y"`:                                                          {Unchanged: []string{"X", "Y"}},
		`client: not joined: "A": too_many_rooms: limit; joined before with other options: "1"; "2"; "3"; and 2 more`: {Rejected: []Rejected{full}, Unchanged: []string{"1", "2", "3", "4", "5"}},
	} {
		if e.Error() != want {
			t.Errorf("got  %s\nwant %s", e.Error(), want)
		}
	}
}

// An instance that is older than stamps does not lose the rooms that have them.
func TestRejoinAtAServerWithoutStamps(t *testing.T) {
	s := newServer(t)
	c, p := s.consumer(ConnOptions{})
	opt := JoinOptions{Status: true, SilentAfter: time.Second, Stamp: true, MaxRate: 2}
	async(t, func() { p.join(); p.join() })
	if err := c.Join(patient(t), "A"); err != nil {
		t.Fatal(err)
	}
	if err := c.JoinWith(patient(t), opt, "B"); err != nil {
		t.Fatal(err)
	}
	p.kill()
	expectDisconnected(t, c)
	p = s.accept()
	for range 2 {
		m := p.expect(protocol.TypeJoin)
		p.answer(protocol.ServerMessage{Type: protocol.TypeError, Code: protocol.CodeUnknownField, Message: "unknown field", ID: m.ID})
	}
	p.join()
	if m := p.join(); m.Stamp || m.MaxRate != nil || m.SilentAfterMS != 0 || !m.Status || m.Marks {
		t.Errorf("got %+v, want only the status", m)
	}
	expectEvent(t, c, Connected{})
	expectEvent(t, c, Rejoined{Rooms: []string{"A", "B"}, Reduced: true})
	p.kill()
	p = s.accept()
	if m := p.join(); m.Stamp {
		t.Errorf("got %+v, want no stamp for A", m)
	}
	if m := p.join(); !m.Stamp || m.MaxRate == nil || *m.MaxRate != 2 || m.SilentAfterMS != 1000 || !m.Status {
		t.Errorf("got %+v, want all options of B", m)
	}
	expectDisconnected(t, c)
	expectEvent(t, c, Connected{})
	expectEvent(t, c, Rejoined{Rooms: []string{"A", "B"}})
}

func TestJoinsFitTheSizeLimitWithAllOptions(t *testing.T) {
	rooms := make([]string, 0, 40_000)
	for i := range 2 * protocol.MaxMessageBytes / 4 {
		rooms = append(rooms, string(rune('A'+i%26)))
	}
	for _, s := range []*session{{}, {opt: settings{heartbeat: time.Hour}}} {
		for _, opt := range []JoinOptions{{}, {MarkEmpty: true, Status: true, SilentAfter: 24 * time.Hour, Stamp: true, MaxRate: 123.456789}, {Conflate: ConflateBehind, MaxRate: NoMaxRate}} {
			total := 0
			for _, part := range s.splitRooms(rooms, opt) {
				total += len(part)
				if n := len(s.encodeJoin(part, opt, false, math.MaxUint64)); n > protocol.MaxMessageBytes {
					t.Errorf("%+v: a message of %d bytes", opt, n)
				}
			}
			if total != len(rooms) {
				t.Errorf("%d rooms, want %d", total, len(rooms))
			}
		}
	}
}
