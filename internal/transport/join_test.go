package transport

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/hub"
	"backbone/internal/rates"
	"backbone/protocol"
)

// Ingest is asked for last prices when the hub has the member. Asked before, its answer
// could be routed before the member is there, which would then start without a price.
func TestAJoinWaitsForTheHubBeforeIngestIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := make(chan []hub.BroadcastEvent, 10) // what ingest passes on, in place of the hub
		goOn := make(chan struct{})
		busy := hub.New(hub.Options{
			QueueBytes: 256 << 10, Conflated: protocol.Conflated, Lost: protocol.Lost,
			Frame: func(dst []byte, payload string) []byte {
				if payload == "stand still" {
					<-goOn
				}
				return Frame(dst, payload)
			},
		})
		i := onPipes(t, settings{hubEvents: asked, change: func(o *Options) { o.Hub = busy }})
		go busy.Run(t.Context())
		holder, joiner := i.consumer(), i.consumer()
		for _, c := range []*peer{holder, joiner} {
			c.send(`{"type":"join","room":"HELD","mark_empty":true}`)
			c.hears(`{"type":"joined","room":"HELD"}`)
			<-asked
		}

		busy.Events() <- []hub.BroadcastEvent{{Room: "HELD", Kind: hub.State, Payload: "stand still"}}
		synctest.Wait()
		joiner.send(`{"type":"join","room":"BTC_USDT","mark_empty":true}`)
		synctest.Wait()
		if len(asked) > 0 {
			t.Errorf("ingest was asked before the hub had the member: it passed %+v", <-asked)
		}
		close(goOn)
		joiner.hears("stand still", `{"type":"joined","room":"BTC_USDT"}`)
		if got := <-asked; len(got) != 1 || got[0].Room != "BTC_USDT" {
			t.Errorf("ingest passed %+v, want the answer to the join", got)
		}
	})
}

// Each consumer is told by its own threshold that a room is silent. Who leaves, or goes without a
// word, has no threshold any more.
func TestEachConsumerHasItsOwnThresholdOfSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.PingInterval = time.Hour }})
		quick, patient, usual := i.consumer(), i.consumer(), i.consumer()
		since := time.Now().UnixMilli()
		join := func(p *peer, options string) {
			p.send(`{"type":"join","room":"X",` + options + `}`)
			p.hears(`{"type":"joined","room":"X"}`)
		}
		join(quick, `"status":true,"silent_after_ms":2000`)
		join(patient, `"status":true,"silent_after_ms":86400000`)
		join(usual, `"status":true`)
		told := func(p *peer, feed string) {
			t.Helper()
			p.hears(fmt.Sprintf(`{"type":"status","room":"X","feed":"%s","since":%d}`, feed, since))
		}
		elapse(1999 * time.Millisecond)
		quick.send(`{"type":"ping"}`)
		if _, text, _ := quick.next(); pongless(text) != `{"type":"pong","ts":T}` {
			t.Fatalf("hears %q before its time", text)
		}
		elapse(time.Millisecond)
		told(quick, "silent")
		elapse(28 * time.Second)
		told(usual, "silent")
		since = time.Now().UnixMilli()
		i.publish(hub.State, "X", "p")
		for _, p := range []*peer{quick, patient, usual} {
			p.hears("p")
		}
		told(quick, "live")
		told(usual, "live")
		quick.send(`{"type":"leave","room":"X"}`)
		quick.hears(`{"type":"left","room":"X"}`)
		const snapshot = `,"snapshot":true}`
		join(quick, `"mark_empty":true`)
		quick.hears(snapshot)
		quick.send(`{"type":"leave","room":"X"}`)
		quick.hears(`{"type":"left","room":"X"}`)
		join(quick, `"status":true,"silent_after_ms":100`)
		elapse(100 * time.Millisecond)
		quick.hears(snapshot)
		told(quick, "silent")
		usual.Close()
		patient.Close()
		quick.Close()
		i.waitIdle(time.Minute)
	})
}

// The threshold of a consumer that has gone costs nothing any more.
func TestWhoGoesTakesItsThresholdAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		passed := make(chan []hub.BroadcastEvent, 10)
		i := onPipes(t, settings{hubEvents: passed})
		stays, goes := i.consumer(), i.consumer()
		stays.join("X")
		goes.send(`{"type":"join","rooms":["X","Y"],"status":true,"silent_after_ms":500}`)
		goes.hears(`{"type":"joined","rooms":["X","Y"]}`)
		elapse(500 * time.Millisecond)
		if n := len(passed); n != 1 || len(<-passed) != 2 {
			t.Fatalf("ingest passed %d times, want once the silence of two rooms", n)
		}
		goes.Close()
		synctest.Wait()
		if _, err := i.ingest.Publisher("p", "").Publish([]hub.BroadcastEvent{{Room: "X", Payload: "p"}}); err != nil {
			t.Fatal(err)
		}
		if got := <-passed; len(got) != 1 || got[0].Kind != hub.State {
			t.Errorf("ingest passed %+v, want the event alone", got)
		}
	})
}

func TestAThresholdOfSilenceIsChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := onPipes(t, settings{}).consumer()
		for options, message := range map[string]string{
			`"silent_after_ms":5000`:                   `silent_after_ms: needs \"status\":true`,
			`"status":false,"silent_after_ms":5000`:    `silent_after_ms: needs \"status\":true`,
			`"status":true,"silent_after_ms":99`:       `silent_after_ms: must be an integer from 100 to 86400000, got 99`,
			`"status":true,"silent_after_ms":86400001`: `silent_after_ms: must be an integer from 100 to 86400000, got 86400001`,
			`"status":true,"silent_after_ms":-5000`:    `silent_after_ms: must be an integer from 100 to 86400000, got -5000`,
			`"status":true,"silent_after_ms":5e3`:      `silent_after_ms: must be an integer from 100 to 86400000, got 5e3`,
			`"status":true,"silent_after_ms":"5000"`:   `silent_after_ms: must be a JSON number, got string`,
		} {
			p.send(`{"type":"join","room":"X",` + options + `}`)
			p.hears(`{"type":"error","code":"invalid_event","message":"` + message + `"}`)
		}
		p.send(`{"type":"leave","room":"X"}`)
		p.hears(`{"type":"error","code":"not_joined","message":"room: X is not joined"}`)
	})
}

// joinOf joins n rooms whose names begin with prefix.
func joinOf(prefix string, n int) (join, joined string) {
	var rooms []string
	for i := range n {
		rooms = append(rooms, `"`+prefix+strconv.Itoa(i)+`"`)
	}
	list := strings.Join(rooms, ",")
	return `{"type":"join","rooms":[` + list + `],"mark_empty":true}`, `{"type":"joined","rooms":[` + list + `]}`
}

// The server works on one long join at a time; nothing else waits for it. Here the first waits
// for a hub that takes nothing.
func TestLongJoinsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		passed := make(chan []hub.BroadcastEvent)
		t.Cleanup(func() { close(passed) })
		i := onPipes(t, settings{instruments: 10_000, hubEvents: passed})
		count := 0
		takeAll := func() {
			for events := range passed {
				count += len(events)
			}
		}
		t.Cleanup(func() { go takeAll() }) // or else a failing test would not end
		first, second, short, talker := i.consumer(), i.consumer(), i.consumer(), i.consumer()
		join, joined := joinOf("A", 10*roomsPerMessage)
		first.send(join)
		first.hears(joined)
		join, joined = joinOf("B", 5*roomsPerMessage)
		second.send(join)
		second.silent(time.Second)
		shortJoin, shortJoined := joinOf("C", roomsPerMessage)
		short.send(shortJoin)
		short.hears(shortJoined)
		for n, text := range []string{strings.Repeat("x", longMessage), strings.Repeat(`\"rooms\"`, longMessage/10)} {
			talker.send(fmt.Sprintf(`{"type":"message","room":"Z","data":"%s","id":"%d"}`, text, n))
			talker.hears(fmt.Sprintf(`{"type":"error","code":"not_joined","message":"room: join Z first","id":"%d"}`, n))
		}
		for range 10 {
			events := <-passed
			if len(events) > roomsPerMessage {
				t.Errorf("ingest passed %d snapshots at a time", len(events))
			}
			count += len(events)
		}
		go takeAll()
		second.hears(joined)
		synctest.Wait()
		if want := 16 * roomsPerMessage; count != want {
			t.Errorf("ingest passed %d answers, want %d", count, want)
		}
		for _, p := range []*peer{first, second, short, talker} {
			p.Close()
		}
		i.waitIdle(time.Minute)
	})
}

// What a client sent behind its join is still done, so it joins for that.
func TestALongJoinEndsWithItsClient(t *testing.T) {
	join, joined := joinOf("A", 10*roomsPerMessage)
	for name, test := range map[string]struct {
		behind, later string // what is sent with the join, and when it waits
		stays         bool
		passed        int // by ingest
	}{
		"alone":                 {"", "", false, 0},
		"with more behind it":   {say("A1", "hi"), "", false, 10*roomsPerMessage + 1},
		"with more in a while":  {"", say("A1", "hi"), false, 10*roomsPerMessage + 1},
		"whose client is there": {"", "", true, 10 * roomsPerMessage},
		"whose client goes on":  {"", say("A1", "hi"), true, 10*roomsPerMessage + 1},
		"whose client went on":  {say("A1", "hi"), "", true, 10*roomsPerMessage + 1},
	} {
		t.Run(name, func(t *testing.T) {
			passed := make(chan []hub.BroadcastEvent, 100)
			i := onTCP(t, settings{hubEvents: passed})
			i.server.joins.Begin(time.Hour, nil)
			p := i.consumer()
			sent := masked(ws.OpText, join)
			if test.behind != "" {
				sent = append(sent, masked(ws.OpText, test.behind)...)
			}
			p.raw(sent)
			for i.counts()["messages_received_total"] == 0 {
			}
			if test.later != "" {
				p.send(test.later)
			}
			if !test.stays {
				p.Close()
			}
			i.server.joins.End()
			if test.stays {
				p.hears(joined)
				p.raw(masked(ws.OpPing, "x"))
				p.want(ws.OpPong, "x")
				p.Close()
			}
			i.waitIdle(10 * time.Second)
			count := 0
			for range len(passed) {
				count += len(<-passed)
			}
			if count != test.passed {
				t.Errorf("ingest passed %d events, want %d", count, test.passed)
			}
		})
	}
}

func TestAJoinThatWaitsForItsTurnGivesSignsOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		i.server.joins.Begin(time.Hour, nil)
		join, joined := joinOf("A", 10*roomsPerMessage)
		p := i.consumer()
		p.send(join)
		for range 3 {
			begin := time.Now()
			p.want(ws.OpPong, "")
			if waited := time.Since(begin); waited != reassureEvery {
				t.Errorf("a sign of life came after %v", waited)
			}
		}
		i.server.joins.End()
		p.hears(joined)
	})
}

// Who ends with many rooms gets nothing more at once, and leaves them when it is its turn.
func TestManyRoomsAreLeftByTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{instruments: 10_000})
		i.server.leaves.Begin(time.Hour, nil)
		const rooms = 5 * roomsPerMessage
		many, few := i.consumer(), i.consumer()
		join, joined := joinOf("A", rooms)
		many.send(join)
		many.hears(joined)
		join, joined = joinOf("B", roomsPerMessage/2)
		few.send(join)
		few.hears(joined)
		many.Close()
		few.Close()
		synctest.Wait()
		if n := i.hub.Stats().Rooms; n != rooms-roomsPerMessage {
			t.Errorf("%d rooms have members while one waits to leave, want %d", n, rooms-roomsPerMessage)
		}
		i.server.leaves.End()
		i.waitIdle(time.Minute)
		if n := i.hub.Stats().Rooms; n != 0 {
			t.Errorf("%d rooms have members", n)
		}
	})
}

func TestAnInstanceThatDrainsLeavesManyRoomsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{instruments: 10_000})
		i.server.leaves.Begin(time.Hour, nil)
		defer i.server.leaves.End()
		join, joined := joinOf("A", 5*roomsPerMessage)
		p := i.consumer()
		p.send(join)
		p.hears(joined)
		i.server.draining.Store(true)
		p.Close()
		i.waitIdle(time.Minute)
	})
}

func TestAJoinThatWaitsForItsTurnDelaysNoStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		i.server.joins.Begin(time.Hour, nil)
		join, _ := joinOf("A", 10*roomsPerMessage)
		p := i.consumer()
		p.send(join)
		synctest.Wait()
		i.endServe()
		synctest.Wait()
		select {
		case <-i.served:
		default:
			t.Error("the server waits for the join")
			i.server.joins.End()
		}
	})
}

// A join counts as one message for each hundred of its rooms. It is not refused for that, but waits.
func TestALongJoinCountsAsManyMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxMessageRate = rates.PerSecond(20) }})
		p := i.consumer()
		begin := time.Now()
		took := func(n int, want time.Duration) {
			t.Helper()
			join, joined := joinOf("A", n)
			p.send(strings.Replace(join, `,"mark_empty":true`, "", 1))
			p.hears(joined)
			if got := time.Since(begin); got != want {
				t.Errorf("a join of %d rooms came after %v, want %v", n, got, want)
			}
			begin = time.Now()
		}
		took(roomsPerMessage, 0)
		took(19*roomsPerMessage, 0) // 20 in all
		p.send(`{"type":"leave","room":"A0"}`)
		if _, text, err := p.next(); err != nil || !strings.Contains(text, `"code":"rate_limited"`) {
			t.Errorf("got %s %v", text, err)
		}
		elapse(50 * time.Millisecond)
		begin = time.Now()
		took(3*roomsPerMessage, 100*time.Millisecond) // one is there, two are waited for
		elapse(50 * time.Millisecond)
		begin = time.Now()
		took(70*roomsPerMessage, time.Second) // no longer than a second, whatever it counts as
	})
}

// At the limit of rooms those that a join repeats count once, also if it names them twice.
func TestALongJoinAtTheLimitOfRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxRooms = 3 }})
		p := i.consumer()
		p.send(`{"type":"join","rooms":["A","B"]}`)
		p.hears(`{"type":"joined","rooms":["A","B"]}`)
		p.send(`{"type":"join","rooms":["C","B","C","D","A","B","D"]}`)
		p.hears(`{"type":"joined","rooms":["C","B","A"],"rejected":[{"room":"D","code":"too_many_rooms","message":"room: D would be one more than the 3 rooms that a consumer may join"}]}`)
	})
}
