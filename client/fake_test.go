package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/coder/websocket"

	"backbone/protocol"
)

// fakeServer speaks the whole protocol to many clients, without its limits: one
// goroutine owns rooms and prices, and writes to whoever it concerns.
type fakeServer struct {
	url  string
	http *httptest.Server
	do   chan func()
	quit chan struct{}

	// Owned by run.
	conns map[*websocket.Conn]map[string]bool // joined rooms
	last  map[string]protocol.ServerMessage
}

func newFakeServer() *fakeServer {
	f := &fakeServer{
		do: make(chan func()), quit: make(chan struct{}),
		conns: map[*websocket.Conn]map[string]bool{}, last: map[string]protocol.ServerMessage{},
	}
	f.http = httptest.NewServer(f)
	f.url = f.http.URL
	go func() {
		for {
			select {
			case step := <-f.do:
				step()
			case <-f.quit:
				return
			}
		}
	}()
	return f
}

// StartFakeServer is for the examples.
func StartFakeServer() (url string, stop func()) {
	f := newFakeServer()
	return "ws" + strings.TrimPrefix(f.url, "http"), f.close
}

// step runs f in the owner's goroutine and waits for it.
func (f *fakeServer) step(do func()) {
	done := make(chan struct{})
	select {
	case f.do <- func() { do(); close(done) }:
		<-done
	case <-f.quit:
	}
}

// cut breaks all connections.
func (f *fakeServer) cut() {
	f.step(func() {
		for ws := range f.conns {
			ws.CloseNow()
		}
	})
}

func (f *fakeServer) close() {
	f.cut()
	f.http.Close()
	close(f.quit)
}

func (f *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol.Subprotocol}})
	if err != nil {
		return
	}
	ws.SetReadLimit(protocol.MaxMessageBytes)
	f.step(func() { f.conns[ws] = map[string]bool{} })
	defer ws.CloseNow()
	defer f.step(func() { delete(f.conns, ws) })
	for {
		_, b, err := ws.Read(context.Background())
		if err != nil {
			return
		}
		messages := []protocol.ClientMessage{{}}
		if b[0] == '[' {
			err = json.Unmarshal(b, &messages)
		} else {
			err = json.Unmarshal(b, &messages[0])
		}
		if err != nil {
			return
		}
		f.step(func() {
			for _, m := range messages {
				f.handle(ws, m)
			}
		})
	}
}

func (f *fakeServer) handle(ws *websocket.Conn, m protocol.ClientMessage) {
	send := func(to *websocket.Conn, m protocol.ServerMessage) {
		to.Write(context.Background(), websocket.MessageText, m.Append(nil))
	}
	room := func(name string, m protocol.ServerMessage) {
		for to, rooms := range f.conns {
			if rooms[name] {
				send(to, m)
			}
		}
	}
	ack := func() {
		if m.ID != "" {
			send(ws, protocol.ServerMessage{Type: protocol.TypeAck, ID: m.ID})
		}
	}
	fail := func(code protocol.Code, message string) {
		send(ws, protocol.ServerMessage{Type: protocol.TypeError, Code: code, Message: message, ID: m.ID})
	}
	joined := f.conns[ws]
	switch m.Type {
	case protocol.TypeJoin:
		fresh := slices.DeleteFunc(slices.Clone(m.Rooms), func(r string) bool { return joined[r] })
		for _, r := range m.Rooms {
			joined[r] = true
		}
		send(ws, protocol.ServerMessage{Type: protocol.TypeJoined, Rooms: m.Rooms, ID: m.ID})
		for _, r := range fresh {
			if last, ok := f.last[r]; ok {
				last.Snapshot = true
				send(ws, last)
			} else if m.MarkEmpty {
				send(ws, protocol.ServerMessage{Type: protocol.TypeNoSnapshot, Room: r})
			}
		}
	case protocol.TypeLeave:
		if !joined[m.Room] {
			fail(protocol.CodeNotJoined, "room: "+m.Room+" was not joined")
			return
		}
		delete(joined, m.Room)
		send(ws, protocol.ServerMessage{Type: protocol.TypeLeft, Room: m.Room, ID: m.ID})
	case protocol.TypeMessage:
		if !joined[m.Room] {
			fail(protocol.CodeNotJoined, "room: "+m.Room+" was not joined")
			return
		}
		room(m.Room, protocol.ServerMessage{Type: protocol.TypeMessage, Room: m.Room, Data: m.Data})
		ack()
	case protocol.TypePing:
		now := int64(1)
		send(ws, protocol.ServerMessage{Type: protocol.TypePong, ID: m.ID, TS: &now})
	case protocol.TypePriceUpdate:
		if m.Instrument == "FORBIDDEN" {
			fail(protocol.CodeTooManyInstruments, "instrument: the limit is reached")
			return
		}
		u := protocol.ServerMessage{Type: protocol.TypePriceUpdate, Instrument: m.Instrument, Price: m.Price, TS: m.TS}
		f.last[m.Instrument] = u
		room(m.Instrument, u)
		ack()
	}
}
