package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	"backbone/internal/frame"
)

func roomName(i int) string { return fmt.Sprint("R", i) }

// roomsPerJoin is how many rooms fit into a message for sure.
const roomsPerJoin = 7000

// joins are the frames of the messages that join so many rooms.
func joins(rooms int) (frames []byte, messages int) {
	for from := 0; from < rooms; from += roomsPerJoin {
		var names []string
		for i := from; i < min(from+roomsPerJoin, rooms); i++ {
			names = append(names, `"`+roomName(i)+`"`)
		}
		text := `{"type":"join","rooms":[` + strings.Join(names, ",") + `]}`
		frames = append(frames, masked(frame.Text, text)...)
		messages++
	}
	return frames, messages
}

// masked is a client's frame. A key of zeros masks nothing.
func masked(op frame.Opcode, payload string) []byte {
	f := frame.AppendHeader(nil, op, len(payload))
	f[1] |= 0x80
	return append(append(f, 0, 0, 0, 0), payload...)
}

// header reads the next frame's header.
func header(from *bufio.Reader) (frame.Header, error) {
	for n := 2; ; n++ {
		p, err := from.Peek(n)
		if err != nil {
			return frame.Header{}, err
		}
		var h frame.Header
		if size, ok := h.Parse(p); ok {
			_, err := from.Discard(size)
			return h, err
		}
	}
}

// joiner reads as little of what it gets as it can, to leave the cores to the server.
type joiner struct {
	conn net.Conn
	from *bufio.Reader
}

func connect(address string) (*joiner, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	j := &joiner{conn, bufio.NewReaderSize(conn, 64<<10)}
	const handshake = "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := io.WriteString(conn, handshake); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(j.from, nil)
	if err != nil {
		return nil, err
	}
	_ = answer.Body.Close() // of a 101 it is empty
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return nil, errors.New(answer.Status)
	}
	return j, nil
}

// join joins and takes all replies and snapshots. It calls joined with the first of them.
func (j *joiner) join(frames []byte, messages int, joined func()) error {
	if _, err := io.Copy(j.conn, bytes.NewReader(frames)); err != nil {
		return err
	}
	for n := 0; n < messages; {
		h, err := header(j.from)
		if err != nil {
			return err
		}
		switch h.Opcode {
		case frame.Text:
			if n++; n == 1 {
				joined()
			}
		case frame.Ping:
			mark, err := j.from.Peek(int(h.Length))
			if err != nil {
				return err
			}
			if _, err := j.conn.Write(masked(frame.Pong, string(mark))); err != nil {
				return err
			}
		}
		if _, err := j.from.Discard(int(h.Length)); err != nil {
			return err
		}
	}
	return nil
}

// crowd connects, and joins when a line comes.
func crowd(s settings, in io.Reader, out io.Writer) error {
	frames, messages := joins(s.rooms)
	say := func(word string) { _, _ = fmt.Fprintln(out, word) } // who measures ends without it
	var all []*joiner
	for range s.joiners {
		j, err := connect(s.crowd)
		if err != nil {
			return err
		}
		defer j.conn.Close()
		all = append(all, j)
	}
	say("connected")
	if _, err := bufio.NewReader(in).ReadString('\n'); err != nil {
		return err
	}
	failed := make([]error, len(all))
	var joined, read sync.WaitGroup
	joined.Add(len(all))
	for i, j := range all {
		read.Go(func() { failed[i] = j.join(frames, messages+s.rooms, sync.OnceFunc(joined.Done)) })
	}
	joined.Wait()
	say("joined")
	read.Wait()
	say("read")
	return errors.Join(failed...)
}
