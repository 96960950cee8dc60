package subscribe

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"backbone/internal/cli"
	"backbone/protocol"
)

// rawBuffer is the number of messages that may wait for the printer.
const rawBuffer = 4096

// raw carries the server's messages, as they came, from the connection to the printer.
type raw chan message

// message is a text of the server and when it came.
type message struct {
	text []byte
	at   time.Time
}

// take is the OnMessage of a connection whose messages are printed as they are. It waits while the
// printer does, so that the server conflates.
func (r raw) take(ctx context.Context) func([]byte) bool {
	return func(text []byte) bool {
		select {
		case r <- message{bytes.Clone(text), time.Now()}:
		case <-ctx.Done():
		}
		return false // the SDK needs it too
	}
}

// printRaw prints a message of the server.
func (sub *subscription) printRaw(m message) error {
	line := m.text
	if bytes.ContainsRune(line, '\n') {
		line = bytes.ReplaceAll(line, []byte("\n"), []byte(" "))
	}
	if sub.Pretty() {
		line = []byte(cli.Printable(string(line)))
	}
	if sub.Timestamps {
		line = append([]byte(m.at.Format("2006-01-02T15:04:05.000Z07:00 ")), line...)
	}
	if _, err := sub.printer.Write(append(line, '\n')); err != nil || !isData(m.text) {
		return err
	}
	return sub.counted()
}

// drainRaw prints what came before the end of the connection.
func (sub *subscription) drainRaw() error {
	for {
		select {
		case m := <-sub.raw:
			if err := sub.printRaw(m); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// isData reports whether a message of the server is one that --count counts.
func isData(text []byte) bool {
	if _, is := protocol.ScanPriceUpdate(text); is {
		return true
	}
	var m struct{ Type string }
	if json.Unmarshal(text, &m) != nil {
		return false
	}
	return m.Type == protocol.TypePriceUpdate || m.Type == protocol.TypeRetired || m.Type == protocol.TypeMessage
}
