package subscribe

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/cli/clitest"
	"backbone/protocol"
)

// joinServer answers each join with what answer returns for it.
func joinServer(t *testing.T, answer func(protocol.ClientMessage) []protocol.ServerMessage) (url string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer ws.CloseNow()
		for {
			_, text, err := ws.Read(context.Background())
			if err != nil {
				return
			}
			var m protocol.ClientMessage
			if err := json.Unmarshal(text, &m); err != nil {
				t.Error(err)
			}
			if m.Type != protocol.TypeJoin {
				continue
			}
			for _, a := range answer(m) {
				if ws.Write(context.Background(), websocket.MessageText, a.Append(nil)) != nil {
					return
				}
			}
		}
	}))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

// subscribeTo runs subscribe until it ends by itself.
func subscribeTo(t *testing.T, url string, args ...string) (code int, out, err string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	var stdout, stderr bytes.Buffer
	code = clitest.Run(ctx, t, &Cmd{}, cli.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr}, append(args, "--url", url)...)
	if ctx.Err() != nil {
		t.Fatalf("%v does not end by itself:\n%s", args, &stderr)
	}
	return code, stdout.String(), stderr.String()
}

func TestSubscribeEndsThoughTheJoinIsNotAnswered(t *testing.T) {
	url := joinServer(t, func(protocol.ClientMessage) []protocol.ServerMessage { return nil })
	for _, args := range [][]string{{"--for=50ms"}, {"--snapshot-only", "--for=50ms"}} {
		code, out, err := subscribeTo(t, url, append(args, "A")...)
		if code != cli.ExitNoData || out != "" || !strings.Contains(err, "did not answer the join within 50ms") {
			t.Errorf("%v: exit code %d, said %q, want %d", args, code, err, cli.ExitNoData)
		}
	}
}

// Whichever of a price and the answer to the join comes first, refused rooms are told and
// make the exit code.
func TestRefusedRoomsAreToldWhateverComesFirst(t *testing.T) {
	for _, reversed := range []bool{false, true} {
		url := joinServer(t, func(m protocol.ClientMessage) []protocol.ServerMessage {
			ts := int64(1)
			answers := []protocol.ServerMessage{
				{Type: protocol.TypeJoined, Rooms: []string{"A"}, ID: m.ID,
					Rejected: []protocol.Rejected{{Room: "B", Code: protocol.CodeTooManyRooms, Message: "room: one too many"}}},
				{Type: protocol.TypePriceUpdate, Instrument: "A", Price: "1", TS: &ts, Snapshot: true},
			}
			if reversed {
				slices.Reverse(answers)
			}
			return answers
		})
		for _, args := range [][]string{{"--snapshot-only", "--for=1h"}, {"--count=1"}} {
			code, out, err := subscribeTo(t, url, append(args, "A", "B")...)
			if code != cli.ExitRejected || strings.Count(out, "\n") != 1 || !strings.Contains(err, "joined A") || !strings.Contains(err, "B is refused") {
				t.Errorf("%v: exit code %d, want %d; printed %q and said %q", args, code, cli.ExitRejected, out, err)
			}
		}
	}
}

// Rooms may be refused one after another, because each new connection joins them again.
func TestSubscribeEndsWithItsLastRoom(t *testing.T) {
	sub := newSubscription(&Cmd{RoomNames: cli.RoomNames{Rooms: []string{"A", "B", "B"}}}, cli.Streams{Out: io.Discard, Err: io.Discard})
	refuse := func(room string) error {
		return sub.handle(client.Rejoined{Rejected: []protocol.Rejected{{Room: room, Code: protocol.CodeTooManyRooms}}})
	}
	if err := refuse("B"); err != nil {
		t.Errorf("with A left: %v", err)
	}
	if err := refuse("A"); err == nil {
		t.Error("no error, though no room is left")
	}
}

// The answer to the join is said before anything of a room is printed, however late it
// comes, and a room that is named twice is one room.
func TestJoinedIsSaidBeforeAnythingIsPrinted(t *testing.T) {
	ts := int64(1)
	url := joinServer(t, func(m protocol.ClientMessage) []protocol.ServerMessage {
		if !slices.Equal(m.Rooms, []string{"A", "B"}) {
			t.Errorf("rooms %v were joined, want A and B", m.Rooms)
		}
		return []protocol.ServerMessage{
			{Type: protocol.TypePriceUpdate, Instrument: "A", Price: "1", TS: &ts, Snapshot: true},
			{Type: protocol.TypePriceUpdate, Instrument: "A", Price: "2", TS: &ts},
			{Type: protocol.TypeJoined, Rooms: m.Rooms, ID: m.ID},
			{Type: protocol.TypeNoSnapshot, Room: "B"},
		}
	})
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--count=2"}, `joined A B
{"type":"price_update","instrument":"A","price":1,"ts":1,"snapshot":true}
{"type":"price_update","instrument":"A","price":2,"ts":1}
`},
		{[]string{"--count=1"}, `joined A B
{"type":"price_update","instrument":"A","price":1,"ts":1,"snapshot":true}
`},
		{[]string{"--snapshot-only", "--mark-empty"}, `joined A B
{"type":"price_update","instrument":"A","price":1,"ts":1,"snapshot":true}
{"type":"no_snapshot","room":"B"}
`},
	} {
		for range 20 {
			var both bytes.Buffer // written to by one goroutine
			code := clitest.Run(t.Context(), t, &Cmd{}, cli.Streams{In: strings.NewReader(""), Out: &both, Err: &both}, append([]string{"--url", url, "A", "B", "A", "A"}, c.args...)...)
			said := strings.Replace(both.String(), "B: no last price is known\n", "", 1)
			if code != cli.ExitDone || said != c.want {
				t.Fatalf("%v: exit code %d, wrote\n%swant\n%s", c.args, code, &both, c.want)
			}
		}
	}
}

func TestATimeOutSaysThatTheConnectionWasLost(t *testing.T) {
	sub := newSubscription(&Cmd{RoomNames: cli.RoomNames{Rooms: []string{"A"}}, For: time.Second}, cli.Streams{Out: io.Discard, Err: io.Discard})
	for _, e := range []client.Event{client.Connected{}, client.Disconnected{Err: io.ErrUnexpectedEOF}} {
		if err := sub.handle(e); err != nil {
			t.Fatal(err)
		}
	}
	for _, unjoined := range []bool{false, true} {
		if err := sub.timedOut(unjoined); err == nil || err.Error() != "nothing came within 1s: the connection was lost: unexpected EOF" {
			t.Errorf("unjoined %v: %v", unjoined, err)
		}
	}
	if err := sub.handle(client.Rejoined{}); err != nil {
		t.Fatal(err)
	}
	if err := sub.timedOut(false); err == nil || err.Error() != "nothing came within 1s" {
		t.Errorf("with a connection again: %v", err)
	}
}

func TestFlagsOfTheJoin(t *testing.T) {
	url := joinServer(t, func(m protocol.ClientMessage) []protocol.ServerMessage {
		if !m.Status || m.SilentAfterMS != 1500 || m.HeartbeatMS != 20000 || !m.Stamp {
			t.Errorf("joined with %+v", m)
		}
		return []protocol.ServerMessage{
			{Type: protocol.TypeJoined, Rooms: m.Rooms, ID: m.ID},
			{Type: protocol.TypeHeartbeat, At: 1},
			{Type: protocol.TypeMessage, Room: "A", Data: protocol.Text("end")},
		}
	})
	var out bytes.Buffer
	code := clitest.Run(t.Context(), t, &Cmd{}, cli.Streams{In: strings.NewReader(""), Out: &out, Err: io.Discard},
		"--url", url, "A", "--status", "--silent-after=1.5s", "--heartbeat=20s", "--stamp", "--count=1")
	if want := `{"type":"message","room":"A","data":"end"}` + "\n"; code != cli.ExitDone || out.String() != want {
		t.Errorf("exit code %d, printed %s", code, &out)
	}
	for _, args := range [][]string{{"A", "--silent-after=1s"}, {"A", "--status", "--silent-after=-1s"}, {"A", "--heartbeat=1us"}} {
		if code := clitest.Run(t.Context(), t, &Cmd{}, cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}, args...); code != cli.ExitUsage {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
}

func TestMissedPricesAreSaid(t *testing.T) {
	var said bytes.Buffer
	sub := newSubscription(&Cmd{RoomNames: cli.RoomNames{Rooms: []string{"A"}}}, cli.Streams{Out: io.Discard, Err: &said})
	for _, m := range []client.Missed{{Room: "A", Events: 3, Exact: true}, {Room: "A", Events: 3}, {Room: "A"}, {Room: "BRK B", Events: 2, Exact: true}} {
		if err := sub.handle(m); err != nil {
			t.Fatal(err)
		}
	}
	if want := `A: 3 prices were missed while there was no connection
A: at least 3 prices were missed while there was no connection
A: it is not known how many prices were missed while there was no connection
"BRK B": 2 prices were missed while there was no connection
`; said.String() != want {
		t.Errorf("said\n%s", &said)
	}
}

func TestAPersonIsToldOfRoomsWithoutAPrice(t *testing.T) {
	for _, c := range []struct {
		cmd            Cmd
		terminal, want bool
	}{
		{Cmd{}, true, true},
		{Cmd{}, false, false},
		{Cmd{MarkEmpty: true}, false, true},
		{Cmd{SnapshotOnly: true}, true, false}, // says so by itself
	} {
		if c.cmd.adapt(c.terminal); c.cmd.MarkEmpty != c.want {
			t.Errorf("terminal %v: %+v", c.terminal, c.cmd)
		}
	}
}
