package upstream

import (
	"math"
	"strconv"
	"time"

	"backbone/client"
	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/protocol"
)

// price passes a price on, if it is newer than what was passed on before.
func (u *Upstream) price(p *client.PriceUpdate) {
	r := u.rooms[p.Instrument]
	if r == nil {
		return // it was left
	}
	e := hub.BroadcastEvent{Room: r.name, Type: protocol.TypePriceUpdate}
	if p.Price == "" {
		e.Payload = protocol.Retired(r.name)
	} else {
		var digits [20]byte
		ts := strconv.AppendInt(digits[:0], p.TS, 10)
		u.scratch = protocol.AppendPriceUpdate(u.scratch[:0], p.Instrument, string(p.Price), string(ts), string(p.Data))
		e.Payload = string(u.scratch)
	}
	if p.Snapshot {
		e.Kind = hub.Recovered
	}
	if !u.valid(&e) {
		return
	}
	now := moment.Now()
	if r.take(p, &e, time.Since(u.upSince) >= u.opts.Settle, now) {
		u.events = append(u.events, e)
	} else {
		u.stale.Add(1)
	}
	u.hear(r)
}

// message passes a chat message on.
func (u *Upstream) message(m *client.ChatMessage) {
	r := u.rooms[m.Room]
	if r == nil {
		return
	}
	e := hub.BroadcastEvent{Room: r.name, Type: protocol.TypeMessage, Kind: hub.Message, Born: moment.Now().Steady}
	var err error
	if e.Payload, err = u.opts.Chat(r.name, m.Text); err != nil {
		u.garbage.Add(1)
	} else if u.valid(&e) {
		u.events = append(u.events, e)
	}
}

// lost passes on that chat messages were lost upstream.
func (u *Upstream) lost(l *client.Lost) {
	r := u.rooms[l.Room]
	for left := l.Messages; r != nil && left > 0; {
		n := uint32(min(left, math.MaxUint32))
		u.events = append(u.events, hub.BroadcastEvent{Room: r.name, Type: protocol.TypeMessage, Kind: hub.Lost, Missed: n, Born: moment.Now().Steady})
		left -= uint64(n)
	}
}

func (u *Upstream) valid(e *hub.BroadcastEvent) bool {
	if u.opts.Valid != nil && !u.opts.Valid(e) {
		u.garbage.Add(1)
		return false
	}
	return true
}

// hear notes that what was passed on of a room is what upstream has, and answers a read of it.
func (u *Upstream) hear(r *room) {
	r.heard = true
	if r.unread {
		r.unread = false
		u.answered = append(u.answered, r.name)
	}
}
