package bridge

import (
	"io"
	"strings"
	"time"

	"backbone/internal/hub"
)

// A stored last price is
//
//	{"version":"<16 hex digits>-<instance id>","event":{...}}
//
// The version comes first, where the script finds it without parsing JSON.

// decodeValue reads the value that Redis holds of a room and type and that has remaining left
// to live.
func decodeValue(room, typ, value string, remaining, ttl time.Duration, now int64) (e hub.BroadcastEvent, ok bool) {
	if remaining <= 0 || len(value) > maxEnvelope {
		return e, false
	}
	var version string
	d := newDecoder(value)
	err := object(d, func(key []byte) (err error) {
		switch string(key) {
		case "version":
			version, err = text(d)
		case "event":
			e.Payload, err = raw(d)
		default:
			err = d.SkipValue()
		}
		return err
	})
	if err != nil || !strings.HasPrefix(e.Payload, "{") {
		return e, false
	}
	if _, end := d.ReadToken(); end != io.EOF { //nolint:errorlint // io.EOF is never wrapped here
		return e, false
	}
	e.Version, ok = parseVersion(version)
	e.Room, e.Type, e.Kind = room, typ, hub.Recovered
	e.Born = now - int64(max(0, ttl-remaining))
	return e, ok
}
