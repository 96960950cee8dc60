package client

import (
	"errors"
	"fmt"
	"math"
	"slices"
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
		for range 5 {
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
		{empty, []string{"B", "A", "C"}, []string{"B", "A"}},
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
		`{"type":"join","rooms":["A"],"status":true,"marks":true,"id":"6"}`,
		`{"type":"join","rooms":["B"],"marks":true,"id":"7"}`,
		`{"type":"join","rooms":["C"],"mark_empty":true,"marks":true,"id":"8"}`,
	} {
		if got := p.readText(); got != want {
			t.Errorf("server got %s\nwant %s", got, want)
		}
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
	opt := JoinOptions{Status: true, SilentAfter: time.Second, Stamp: true}
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
	if m := p.join(); m.Stamp || m.SilentAfterMS != 0 || !m.Status || m.Marks {
		t.Errorf("got %+v, want only the status", m)
	}
	expectEvent(t, c, Connected{})
	expectEvent(t, c, Rejoined{Rooms: []string{"A", "B"}, Reduced: true})
	p.kill()
	p = s.accept()
	if m := p.join(); m.Stamp {
		t.Errorf("got %+v, want no stamp for A", m)
	}
	if m := p.join(); !m.Stamp || m.SilentAfterMS != 1000 || !m.Status {
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
		for _, opt := range []JoinOptions{{}, {MarkEmpty: true, Status: true, SilentAfter: 24 * time.Hour, Stamp: true}} {
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
