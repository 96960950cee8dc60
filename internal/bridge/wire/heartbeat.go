package wire

import (
	"bytes"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// A heartbeat is
//
//	{"v":1,"origin":"3f..","session":4,"clock":"<16 hex digits>"}
//
// where origin is an instance id and session counts the sessions of that instance. A frozen
// Redis may publish a heartbeat late, from a connection that was given up. The session tells
// such a heartbeat from one that proves that the current connection works.

// BeatHead is how all heartbeats of a session begin.
func BeatHead(instance string, session uint64) string {
	return fmt.Sprintf(`%s"session":%d,`, EnvelopeHead(instance), session)
}

// Beat returns a heartbeat.
func Beat(instance string, session, clock uint64) string {
	return fmt.Sprintf(`%s"clock":"%016x"}`, BeatHead(instance, session), clock)
}

// DecodeBeat reads a heartbeat.
func DecodeBeat(message string) (instance string, clock uint64, ok bool) {
	if len(message) > 1024 {
		return "", 0, false
	}
	var version, hex string
	d := jsontext.NewDecoder(bytes.NewBufferString(message))
	err := object(d, func(key []byte) (err error) {
		switch string(key) {
		case "v":
			version, err = raw(d)
		case "origin":
			instance, err = text(d)
		case "clock":
			hex, err = text(d)
		default:
			err = d.SkipValue()
		}
		return err
	})
	if err != nil || version != "1" || !ValidName(instance) {
		return "", 0, false
	}
	if _, end := d.ReadToken(); end != io.EOF { //nolint:errorlint // io.EOF is never wrapped here
		return "", 0, false
	}
	clock, ok = ParseClock(hex)
	return instance, clock, ok
}
