package wire

import (
	"bytes"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// A heartbeat is
//
//	{"v":1,"origin":"3f..","session":4,"clock":"<16 hex digits>","reads":2}
//
// where origin is an instance id, session counts the sessions of that instance, and reads is the
// highest form of envelopes that it reads. Builds that read form 1 alone leave that out. A frozen
// Redis may publish a heartbeat late, from a connection that was given up. The session tells
// such a heartbeat from one that proves that the current connection works.

// BeatHead is how all heartbeats of a session begin.
func BeatHead(instance string, session uint64) string {
	return fmt.Sprintf(`%s"session":%d,`, EnvelopeHead(instance), session)
}

// Beat returns a heartbeat.
func Beat(instance string, session, clock uint64) string {
	return fmt.Sprintf(`%s"clock":"%016x","reads":%d}`, BeatHead(instance, session), clock, Form2)
}

// Heartbeat is what a heartbeat says to other instances.
type Heartbeat struct {
	Instance string
	Clock    uint64
	Reads    Form // the highest form of envelopes that the instance reads
}

// DecodeBeat reads a heartbeat.
func DecodeBeat(message string) (h Heartbeat, ok bool) {
	if len(message) > 1024 {
		return h, false
	}
	var version, hex, reads string
	d := jsontext.NewDecoder(bytes.NewBufferString(message))
	err := object(d, func(key []byte) (err error) {
		switch string(key) {
		case "v":
			version, err = raw(d)
		case "origin":
			h.Instance, err = text(d)
		case "clock":
			hex, err = text(d)
		case "reads":
			reads, err = raw(d)
		default:
			err = d.SkipValue()
		}
		return err
	})
	if err != nil || version != "1" || !ValidName(h.Instance) {
		return Heartbeat{}, false
	}
	if _, end := d.ReadToken(); end != io.EOF { //nolint:errorlint // io.EOF is never wrapped here
		return Heartbeat{}, false
	}
	h.Reads = Form1
	if form, ok := number(reads, 100); ok && form > 1 {
		h.Reads = Form(form)
	}
	h.Clock, ok = ParseClock(hex)
	return h, ok
}
