package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"backbone/internal/frame"
	"backbone/internal/hub"
	"backbone/internal/transport"
	"backbone/protocol"
)

// last is what a new member of a room is told first.
type last struct {
	price  string // a price_update; "": there is none
	stamp  stamp
	silent bool
	bridge string // "": there are no other instances
}

// stamp is what is needed of a message, besides its text.
type stamp struct {
	Type     string `json:"type"`
	Feed     string `json:"feed"`
	Bridge   string `json:"bridge"`
	At       int64  `json:"at"`
	AgeMS    *int64 `json:"age_ms"`
	Snapshot bool   `json:"snapshot"`
}

var (
	errLookLate = errors.New("the last price could not be read in time")
	errStopping = errors.New("the server is stopping")
)

// look joins a room, and leaves it when it knows the room's last price: the snapshot, or a live price that
// came first. The newest of what came counts.
func (a *API) look(ctx context.Context, room string, wants hub.Wants) (found last, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	member := new(hub.Client)
	member.Init(nil, nil)
	a.opts.Hub.Register(member)
	watched := false
	defer func() {
		rooms := a.opts.Hub.Unregister(member, func() {})
		if watched && len(rooms) > 0 {
			a.opts.Ingest.Unwatch(rooms, map[string]uint32{room: wants.Group})
		}
	}()
	joined := a.opts.Hub.Join(member, []string{room}, wants, transport.Frame(nil, "{}"), func() bool { return true })
	if len(joined) == 0 {
		return last{}, errStopping
	}
	a.opts.Ingest.Watch(joined, wants)
	watched = true
	for known := false; !known; {
		select {
		case b := <-member.Queue():
			if b.Signal == hub.CloseDrain || b.Signal == hub.CloseSlow {
				return last{}, errStopping
			}
			known = found.take(b)
		case <-ctx.Done():
			return last{}, errLookLate
		}
	}
	a.opts.Hub.Settle() // so that the statuses of the step that brought the price have come too
	for {
		select {
		case b := <-member.Queue():
			found.take(b)
		default:
			return found, nil
		}
	}
}

// take reads the frames of a batch. It reports whether one says what the last price is.
func (l *last) take(b hub.Batch) (known bool) {
	for frames := b.Append(nil); ; {
		var h frame.Header
		size, ok := h.Parse(frames)
		if !ok {
			return known
		}
		text := frames[size:][:h.Length]
		frames = frames[size+int(h.Length):]
		var m stamp
		if json.Unmarshal(text, &m) != nil {
			continue // not written by this program: data of a price is checked
		}
		switch m.Type {
		case protocol.TypePriceUpdate:
			l.price, l.stamp, known = string(text), m, true
		case protocol.TypeRetired, protocol.TypeNoSnapshot:
			l.price, known = "", true
		case protocol.TypeStatus:
			if m.Bridge != "" {
				l.bridge = m.Bridge
			} else {
				l.silent = m.Feed == protocol.FeedSilent
			}
		}
	}
}

// text is the price as a snapshot, with what else is known.
func (l *last) text() string {
	text := l.price[:len(l.price)-1]
	if !l.stamp.Snapshot {
		if l.stamp.At > 0 {
			text += `,"age_ms":` + strconv.FormatInt(max(0, time.Now().UnixMilli()-l.stamp.At), 10)
		}
		text += `,"snapshot":true`
	}
	feed := protocol.FeedLive
	if l.silent {
		feed = protocol.FeedSilent
	}
	text += `,"feed":"` + feed + `"`
	if l.bridge != "" {
		text += `,"bridge":"` + l.bridge + `"`
	}
	return text + "}"
}
