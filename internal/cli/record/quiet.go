package record

import (
	"context"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/telemetry"
)

// quiet are rooms from which nothing came: a person at a terminal may have misspelt their names. The goroutine of
// the recording owns it.
type quiet struct {
	heard map[string]bool // until the names are asked for, then nil
	due   <-chan time.Time
	told  chan []string // lines to say; one place
}

func newQuiet(s cli.Streams) quiet {
	q := quiet{told: make(chan []string, 1)}
	if telemetry.IsTerminal(s.Err) {
		q.heard = map[string]bool{}
	}
	return q
}

// joined begins the time in which something may come.
func (q *quiet) joined() {
	if q.heard != nil {
		q.due = time.After(cli.HintAfter)
	}
}

// hears notes that an event came.
func (q *quiet) hears(e client.Event) {
	if q.heard == nil {
		return
	}
	switch e := e.(type) {
	case client.PriceUpdate:
		q.heard[e.Instrument] = true
	case client.ChatMessage:
		q.heard[e.Room] = true
	}
}

// ask has told say which names are near to those of the rooms from which nothing came.
func (q *quiet) ask(ctx context.Context, conn *client.Conn, open map[string]bool) {
	var rooms []string
	for room := range open {
		if !q.heard[room] && len(rooms) < cli.MostHints {
			rooms = append(rooms, room)
		}
	}
	q.due, q.heard = nil, nil
	if len(rooms) > 0 {
		go func() { q.told <- cli.DidYouMean(ctx, conn, rooms) }()
	}
}
