package ingest

import (
	"slices"

	"backbone/internal/hub"
)

// roomsPerInput is how many rooms a watch or unwatch is for, because other inputs must not wait long.
const roomsPerInput = 100

// Watch counts a local member of each room in, after it joined in the hub, and has the hub
// give it the room's last values. wants is what the hub was told at the join: its Group is
// after how many milliseconds without a live value the feed is silent, 0: after the TTL. Each
// Watch of a room is followed by one Unwatch.
func (in *Ingest) Watch(rooms []string, wants hub.Wants) {
	for some := range slices.Chunk(rooms, roomsPerInput) {
		in.sendMember(input{kind: watch, rooms: some, wants: wants})
	}
}

// Unwatch counts a local member of each room out. groups has the Group of its Watch by room,
// where that was not 0. Ingest owns both afterwards.
func (in *Ingest) Unwatch(rooms []string, groups map[string]uint32) {
	for some := range slices.Chunk(rooms, roomsPerInput) {
		in.sendMember(input{kind: unwatch, rooms: some, groups: groups})
	}
}

func (in *Ingest) sendMember(i input) {
	select {
	case in.members <- i:
	case <-in.done:
	}
}
