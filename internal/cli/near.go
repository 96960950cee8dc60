package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"backbone/client"
	"backbone/internal/config"
)

// A command that reads rooms asks for names that are near to theirs after HintAfter, in which something may
// come, and for MostHints rooms at most.
const (
	HintAfter = time.Second
	MostHints = 20
)

const (
	hintWait  = time.Second // for the server's list of rooms
	hintLines = 5
	hintNames = 3 // in a line
)

// DidYouMean has a line for each of the first rooms whose name is near to that of a room that has a price. Rooms are
// those of which the server knows nothing. There is none if the server does not tell its rooms soon.
func DidYouMean(ctx context.Context, conn *client.Conn, rooms []string) (lines []string) {
	ctx, stop := context.WithTimeout(ctx, hintWait)
	defer stop()
	known, err := conn.ListRooms(ctx, "")
	if err != nil {
		return nil
	}
	for _, room := range rooms {
		if slices.Contains(known, room) { // it has got a price meanwhile
			continue
		}
		if near := Near(room, known); len(near) > 0 && len(lines) < hintLines {
			lines = append(lines, Name(room)+": nothing is known of it: did you mean "+strings.Join(near, " or ")+"?")
		}
	}
	return lines
}

// Near returns the names that differ least from name, and by a letter or two at most; of several, the first
// three. Capital letters are like small ones.
func Near(name string, names []string) (near []string) {
	least := max(min(len(name)/3, 2), len(name)/5) // of a short name none or one
	for _, other := range names {
		if more := len(other) - len(name); other == name || max(more, -more) > least {
			continue
		}
		switch d := config.Distance(strings.ToLower(name), strings.ToLower(other)); {
		case d > least:
			continue
		case d < least:
			near, least = near[:0], d
		}
		near = append(near, Name(other))
	}
	slices.Sort(near)
	return near[:min(len(near), hintNames)]
}
