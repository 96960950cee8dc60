package subscribe

import (
	"context"
	"slices"
	"time"

	"backbone/client"
	"backbone/internal/cli"
)

// unheard are rooms of which the server knows nothing: a person at a terminal may have misspelt their names. The
// goroutine of the subscription owns it.
type unheard struct {
	rooms []string
	due   <-chan time.Time // when to ask for names; nil before the first room, and once it was asked
	asked bool
	told  chan []string // lines to say; one place
}

// add notes that nothing is known of a room.
func (u *unheard) add(room string) {
	if u.asked || len(u.rooms) == cli.MostHints || slices.Contains(u.rooms, room) {
		return
	}
	if u.rooms = append(u.rooms, room); u.due == nil {
		u.due = time.After(cli.HintAfter)
	}
}

// hears notes that something came of a room.
func (u *unheard) hears(room string) {
	if !u.asked && len(u.rooms) > 0 {
		u.rooms = slices.DeleteFunc(u.rooms, func(r string) bool { return r == room })
	}
}

// ask has told say which names are near, once.
func (u *unheard) ask(ctx context.Context, conn *client.Conn) {
	u.due, u.asked = nil, true
	if len(u.rooms) > 0 {
		go func() { u.told <- cli.DidYouMean(ctx, conn, u.rooms) }()
	}
}

// sayNear says which names are near, when --snapshot-only has ended.
func (sub *subscription) sayNear(ctx context.Context, conn *client.Conn) {
	if len(sub.unheard.rooms) > 0 && !sub.unheard.asked {
		sub.sayLines(cli.DidYouMean(ctx, conn, sub.unheard.rooms))
	}
}

func (sub *subscription) sayLines(lines []string) {
	for _, line := range lines {
		sub.Say("%s", line)
	}
}
