package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"backbone/client"
	"backbone/internal/config"
	"backbone/internal/telemetry"
	"backbone/protocol"
)

// maxRoomsFile bounds what --rooms-from reads, bytes. That is 130,000 rooms of the longest names, and more than a
// million of usual ones.
const maxRoomsFile = 16 << 20

// RoomNames is the arguments and the flag that name rooms.
type RoomNames struct {
	Rooms     []string `arg:"" optional:"" name:"room" help:"Rooms to join. A room is an instrument, or any other name for chat."`
	RoomsFrom string   `placeholder:"FILE" help:"Join the rooms too that a file names, one a line. - is standard input."`
}

// Validate refuses names that no room can have.
func (r *RoomNames) Validate() error {
	for _, room := range r.Rooms {
		if fault := protocol.RoomFault(room); fault != "" {
			return config.Errorf("", "room %q: the name %s", shown(room), fault)
		}
	}
	return nil
}

// None reports whether neither an argument nor the flag names rooms.
func (r *RoomNames) None() bool { return len(r.Rooms) == 0 && r.RoomsFrom == "" }

// Read adds the rooms that the file names, and leaves out those that were named before. Its error wraps that of
// ctx if ctx ends before the file does.
func (r *RoomNames) Read(ctx context.Context, s Streams) error {
	if r.RoomsFrom != "" {
		if err := r.readFile(ctx, s); err != nil {
			return err
		}
		if len(r.Rooms) == 0 {
			return config.Errorf("rooms-from", "names no room: write one a line")
		}
	}
	named := make(map[string]bool, len(r.Rooms))
	r.Rooms = slices.DeleteFunc(r.Rooms, func(room string) bool {
		twice := named[room]
		named[room] = true
		return twice
	})
	return nil
}

func (r *RoomNames) readFile(ctx context.Context, s Streams) error {
	text, err := r.text(ctx, s)
	if err != nil {
		return fmt.Errorf("--rooms-from: %w", err)
	}
	if len(text) > maxRoomsFile {
		return config.Errorf("rooms-from", "has more than %d MiB of names: name fewer rooms", maxRoomsFile>>20)
	}
	for i, line := range strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n") {
		room := strings.TrimSpace(line)
		if room == "" {
			continue
		}
		if fault := protocol.RoomFault(room); fault != "" {
			return config.Errorf("rooms-from", "line %d: room %q: the name %s", i+1, shown(room), fault)
		}
		r.Rooms = append(r.Rooms, room)
	}
	return nil
}

// shown is as much of a wrong name as an error shows: a file in one line is one name.
func shown(room string) string {
	if len(room) > protocol.MaxRoomLength {
		return room[:protocol.MaxRoomLength] + "..."
	}
	return room
}

// text reads the file, up to a byte more than it may have. A read of a terminal or a pipe cannot be broken off,
// so it ends with the program.
func (r *RoomNames) text(ctx context.Context, s Streams) ([]byte, error) {
	if f, ok := s.In.(*os.File); ok && r.RoomsFrom == "-" && telemetry.IsTerminal(f) {
		s.Say("each line is a room to join; Ctrl-D ends them")
	}
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		in, got := s.In, result{}
		if r.RoomsFrom != "-" {
			var f *os.File
			if f, got.err = os.Open(r.RoomsFrom); got.err != nil {
				done <- got
				return
			}
			defer f.Close()
			in = f
		}
		got.text, got.err = io.ReadAll(io.LimitReader(in, maxRoomsFile+1))
		done <- got
	}()
	select {
	case got := <-done:
		return got.text, got.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Joined says which rooms a join with this outcome has joined, and returns those that were refused. An
// error is that of the join as a whole.
func (s Streams) Joined(asked []string, outcome error) (rejected []protocol.Rejected, err error) {
	if some, ok := errors.AsType[*client.JoinError](outcome); ok {
		rejected = some.Rejected
	} else if outcome != nil {
		return nil, outcome
	}
	refused := make(map[string]bool, len(rejected))
	for _, r := range rejected {
		refused[r.Room] = true
	}
	rooms := slices.DeleteFunc(slices.Clone(asked), func(room string) bool { return refused[room] })
	const named = 20
	switch {
	case len(rooms) > named:
		s.Say("joined %d rooms", len(rooms))
	case len(rooms) > 0:
		s.Say("joined %s", Names(rooms))
	}
	return rejected, nil
}

// Refused says which room the server refused, and why.
func (s Streams) Refused(r protocol.Rejected) {
	s.Say("%s is refused: %s: %s", Name(r.Room), r.Code, r.Message)
}
