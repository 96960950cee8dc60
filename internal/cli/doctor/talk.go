package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"backbone/protocol"
)

const (
	rounds = 10
	// far is a round trip that is told to be long.
	far = 500 * time.Millisecond
	// apart is how far clocks may be apart.
	apart = 500 * time.Millisecond
	// early is how much sooner a frame is answered that does not go all the way.
	early = 10 * time.Millisecond

	closeCode websocket.StatusCode = 4000 // of applications, and free in the protocol
)

// talk asks the server for replies, and compares its clock.
func (p *patient) talk(ctx context.Context) bool {
	d := p.try(ctx, p.path, true, nil)
	defer d.leave()
	if d.ws == nil {
		return p.report.fail("messages", "no second connection opens: "+refusal(d), "are connections limited (--max-connections-per-address)?")
	}
	trips := make([]time.Duration, 0, rounds)
	var offset, doubtful time.Duration // of the server's clock, by the fastest round; plus and minus
	timed := false
	for n := range rounds {
		began := time.Now()
		at, err := p.ask(ctx, d.ws, strconv.Itoa(n+1))
		took := time.Since(began)
		if err != nil {
			text := fmt.Sprintf("a message is not answered within %v", p.cmd.ConnectTimeout)
			if !errors.Is(err, context.DeadlineExceeded) {
				text = "the connection ends: " + err.Error()
			}
			return p.report.fail("messages", text, "a proxy in between holds messages back or passes none on: turn its buffering off, and let it pass WebSockets")
		}
		if trips = append(trips, took); !at.IsZero() && (!timed || took/2 < doubtful) {
			timed = true
			doubtful = took / 2
			offset = at.Add(time.Millisecond / 2).Sub(began.Add(took / 2)) // at is cut to the millisecond
		}
	}
	least, most, sum := trips[0], trips[0], time.Duration(0)
	for _, t := range trips {
		least, most, sum = min(least, t), max(most, t), sum+t
	}
	p.trip = least
	text := fmt.Sprintf("%s: min %s, avg %s, max %s", "10 messages answered", millis(least), millis(sum/rounds), millis(most))
	if least > far {
		p.report.warn("messages", text, "each join waits so long: use an instance that is nearer")
	} else {
		p.report.ok("messages", "%s", text)
	}
	clocks := fmt.Sprintf("the server's clock is %s, give or take %s", ahead(offset), millis(doubtful+time.Millisecond/2))
	switch {
	case !timed:
		p.report.warn("clock", "the server tells no time", "is its rate of messages limited?")
	case offset.Abs() > apart+doubtful:
		p.report.warn("clock", clocks, "set both clocks by NTP: ages of prices and ends of tokens are judged by them")
	default:
		p.report.ok("clock", "%s", clocks)
	}
	return true
}

func ahead(offset time.Duration) string {
	if offset < 0 {
		return millis(-offset) + " behind this one"
	}
	return millis(offset) + " ahead of this one"
}

// ask sends a ping of the protocol and waits for the reply. The time is the server's, or zero if the
// reply is an error.
func (p *patient) ask(ctx context.Context, ws *websocket.Conn, id string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, p.cmd.ConnectTimeout)
	defer cancel()
	if err := ws.Write(ctx, websocket.MessageText, []byte(`{"type":"ping","id":"`+id+`"}`)); err != nil {
		return time.Time{}, errors.Join(err, ctx.Err())
	}
	for {
		_, text, err := ws.Read(ctx)
		if err != nil {
			return time.Time{}, errors.Join(err, ctx.Err())
		}
		var m struct {
			Type, ID string
			TS       int64
		}
		if json.Unmarshal(text, &m) != nil || m.ID != id {
			continue // such as that the server drains
		}
		if m.Type != protocol.TypePong {
			return time.Time{}, nil
		}
		return time.UnixMilli(m.TS), nil
	}
}

// pings sends ping frames, which whatever is in between may answer itself or keep.
func (p *patient) pings(ctx context.Context) bool {
	d := p.try(ctx, p.path, true, nil)
	defer d.leave()
	if d.ws == nil {
		return p.report.fail("pings", "no further connection opens: "+refusal(d), "are connections limited (--max-connections-per-address)?")
	}
	reading := d.ws.CloseRead(ctx)
	least := time.Duration(0)
	for range rounds {
		waiting, cancel := context.WithTimeout(reading, p.cmd.ConnectTimeout)
		began := time.Now()
		err := d.ws.Ping(waiting)
		took := time.Since(began)
		cancel()
		if err != nil {
			p.report.fail("pings", fmt.Sprintf("a ping frame is not answered within %v", p.cmd.ConnectTimeout),
				"a proxy in between keeps ping frames: the server closes idle clients with 4408, and libraries that ping give up")
			return true
		}
		if least == 0 || took < least {
			least = took
		}
	}
	if p.trip-least > early && least < p.trip/2 {
		p.report.warn("pings", fmt.Sprintf("ping frames are answered in %s and messages in %s", millis(least), millis(p.trip)),
			"a proxy answers them itself: they say nothing of the server, so ping it with messages ({\"type\":\"ping\"})")
		return true
	}
	p.report.ok("pings", "ping frames are answered in %s", millis(least))
	return true
}

// closes closes a connection with a code, which the server sends back.
func (p *patient) closes(ctx context.Context) bool {
	d := p.try(ctx, p.path, true, func(o *websocket.DialOptions) {
		// The library cannot answer a ping behind its own close, and then takes that for the answer to it.
		o.OnPingReceived = func(context.Context, []byte) bool { return false }
	})
	defer d.leave()
	if d.ws == nil {
		return p.report.fail("close", "no further connection opens: "+refusal(d), "are connections limited (--max-connections-per-address)?")
	}
	if err := d.ws.Close(closeCode, "backbone doctor"); err != nil {
		got := "nothing"
		if code := websocket.CloseStatus(err); code != -1 {
			got = strconv.Itoa(int(code))
		}
		p.report.warn("close", fmt.Sprintf("the close code %d is answered with %s", closeCode, got),
			"a proxy in between does not pass close frames on: clients cannot tell a restart (1012) or a bad token (4401) from a broken line")
		return true
	}
	p.report.ok("close", "close codes are passed on")
	return true
}

// stay leaves a connection alone for the time that was asked for.
func (p *patient) stay(ctx context.Context) bool {
	if p.cmd.Idle == 0 {
		return true
	}
	var pinged atomic.Int32
	d := p.try(ctx, p.path, true, func(o *websocket.DialOptions) {
		o.OnPingReceived = func(context.Context, []byte) bool {
			pinged.Add(1)
			return true // is answered
		}
	})
	defer d.leave()
	if d.ws == nil {
		return p.report.fail("idle", "no further connection opens: "+refusal(d), "are connections limited (--max-connections-per-address)?")
	}
	p.report.streams.Say("a connection is left without traffic for %v", p.cmd.Idle)
	waiting, cancel := context.WithTimeout(ctx, p.cmd.Idle)
	defer cancel()
	began := time.Now()
	_, _, err := d.ws.Read(waiting)
	lasted := time.Since(began).Round(100 * time.Millisecond)
	switch {
	case waiting.Err() == nil && err != nil:
		p.report.fail("idle", fmt.Sprintf("a connection without traffic ended after %v: %v", lasted, err), "raise the idle time-out of the proxy in between above the server's --ping-interval (25s)")
	case pinged.Load() == 0:
		p.report.warn("idle", fmt.Sprintf("a connection stayed open for %v, and no ping of the server came", p.cmd.Idle), "wait for longer than the server's --ping-interval (25s); if none comes then, a proxy keeps them")
	default:
		p.report.ok("idle", "a connection without traffic stayed open for %v; pings of the server that came: %d", p.cmd.Idle, pinged.Load())
	}
	return true
}
