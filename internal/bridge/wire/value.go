package wire

import (
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"backbone/internal/hub"
	"backbone/internal/moment"
)

// A stored last price is
//
//	{"version":"<16 hex digits>-<instance id>","seq":7,"at":1710000000123,"life":2,"event":{...}}
//
// The version comes first, where the script finds it without parsing JSON. seq, at and life are
// those of the envelope. A value that a build from before stamps stored has none of them.

// AppendValueHead appends a stored price up to the payload. A "}" follows that.
func AppendValueHead(b []byte, e *hub.BroadcastEvent) []byte {
	b = e.Version.Append(append(b, `{"version":"`...))
	b = appendStamp(append(b, `",`...), e)
	return append(b, `"event":`...)
}

// DecodeValue reads the value that Redis holds of a room and type and that has remaining left
// to live.
func DecodeValue(room, typ, value string, remaining, ttl time.Duration, now moment.Time) (e hub.BroadcastEvent, ok bool) {
	if remaining <= 0 || len(value) > MaxBytes {
		return e, false
	}
	var version string
	var s stamp
	d := newDecoder(value)
	err := object(d, func(key []byte) (err error) {
		switch string(key) {
		case "version":
			version, err = text(d)
		case "seq", "at", "life":
			err = s.read(d, key)
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
	ok = ok && strings.HasPrefix(value, `{"version":"`+version+`"`) // as the script reads it
	ok = s.parse(&e) && ok
	e.Room, e.Type, e.Kind = room, typ, hub.Recovered
	setAge(&e, max(0, ttl-remaining), now)
	return e, ok
}

// setAge sets how old e is: what was counted on its way, and how much more it is by the clock of
// the instance that took it in. Lifetimes go by the first alone, because clocks can be wrong.
func setAge(e *hub.BroadcastEvent, age time.Duration, now moment.Time) {
	e.Born = now.Steady - age
	if e.At != 0 {
		byClocks := min(max(0, now.UnixMS-e.At), maxAge)
		e.Transit = max(0, time.Duration(byClocks)*time.Millisecond-age)
	}
}

// appendStamp appends what is known of Seq, At and Life of e, with a comma behind each.
func appendStamp(b []byte, e *hub.BroadcastEvent) []byte {
	if e.Seq == 0 {
		return b
	}
	b = append(b, `"seq":`...)
	b = append(strconv.AppendUint(b, e.Seq, 10), ',')
	if e.At != 0 {
		b = append(b, `"at":`...)
		b = append(strconv.AppendInt(b, e.At, 10), ',')
	}
	if e.Life != 0 {
		b = append(b, `"life":`...)
		b = append(strconv.AppendUint(b, uint64(e.Life), 10), ',')
	}
	return b
}

// stamp is the texts of Seq, At and Life of an event, "" where it has none.
type stamp struct{ seq, at, life string }

// read reads the value of one of the keys.
func (s *stamp) read(d *jsontext.Decoder, key []byte) (err error) {
	switch string(key) {
	case "seq":
		s.seq, err = raw(d)
	case "at":
		s.at, err = raw(d)
	case "life":
		s.life, err = raw(d)
	}
	return err
}

// parse sets Seq, At and Life of e. It reports whether the texts are numbers.
func (s *stamp) parse(e *hub.BroadcastEvent) bool {
	var errs [3]error
	var life uint64
	if s.seq != "" {
		e.Seq, errs[0] = strconv.ParseUint(s.seq, 10, 64)
	}
	if s.at != "" {
		e.At, errs[1] = strconv.ParseInt(s.at, 10, 64)
	}
	if s.life != "" {
		life, errs[2] = strconv.ParseUint(s.life, 10, 32)
	}
	e.Life = uint32(life)
	valid := errs == [3]error{} && e.At >= 0
	if e.Seq == 0 {
		e.At, e.Life = 0, 0
	}
	return valid
}
