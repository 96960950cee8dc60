package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
)

// The envelope is the text of one Redis message: events of one instance. It has two forms. Form 2
// is in records.go. Form 1 is
//
//	{"v":1,"origin":"3f..","events":[EVENT,EVENT,...]}
//
// "v" and "origin", the instance id, always come first, so that an instance knows its own
// messages by their beginning. An EVENT is
//
//	{"room":"BTC_USDT","type":"price_update","kind":"state","version":"<16 hex digits>-<instance id>","seq":7,"at":1710000000123,"life":2,"age":0,"data":{...}}
//
// type is the name of the event's domain. kind is state, recovered, message or resync. A resync
// requests values newer than version; its data is {}. A message has no version. seq, at and
// life are what hub.BroadcastEvent has. Each is left out if it is 0, and all three if seq is.
// Builds from before stamps know seq alone: they send no at and no life, and ignore both. age is
// milliseconds since ingestion. Unknown keys are ignored.

// MaxBytes bounds what is parsed. Own bundles and values stay far below it.
const MaxBytes = 4 << 20

// MaxClock is the newest clock that is accepted, in versions and heartbeats. Ingest moves its
// own clock only to much older ones, so every instance accepts the versions of the others. The
// write script takes the first digit of a version for this bound.
const MaxClock = 3<<60 - 1

// maxAge is the greatest age that is accepted, 30 years in milliseconds.
const maxAge = 1e12

// EnvelopeHead is how all envelopes and heartbeats of an instance begin.
func EnvelopeHead(instance string) string { return `{"v":1,"origin":"` + instance + `",` }

var kindNames = [...]string{hub.State: "state", hub.Message: "message", hub.Recovered: "recovered", hub.Resync: "resync"}

// appendEventHead appends an EVENT up to the value of "data".
func appendEventHead(b []byte, e *hub.BroadcastEvent, now time.Duration) []byte {
	b = append(b, `{"room":"`...)
	b = append(b, e.Room...)
	b = append(b, `","type":"`...)
	b = append(b, e.Type...)
	b = append(b, `","kind":"`...)
	b = append(b, kindNames[e.Kind]...)
	if e.Kind != hub.Message {
		b = e.Version.Append(append(b, `","version":"`...))
	}
	b = append(b, `",`...)
	b = appendStamp(b, e)
	b = append(b, `"age":`...)
	b = strconv.AppendInt(b, ageMS(e.Born, now), 10)
	return append(b, `,"data":`...)
}

// ageMS is the age rounded up, because an event must never get younger on its way.
func ageMS(born, now time.Duration) int64 {
	return min(max(0, (now-born+time.Millisecond-1).Milliseconds()), maxAge)
}

var errEnvelope = errors.New("not an envelope")

// decodeEnvelope reads a message of form 1, see [Reader.Decode].
func decodeEnvelope(
	message string, of partition.Set, now moment.Time, valid func(*hub.BroadcastEvent) bool,
) (events []hub.BroadcastEvent, bad int, err error) {
	if len(message) > MaxBytes {
		return nil, 0, fmt.Errorf("%w: %d bytes", errEnvelope, len(message))
	}
	d := newDecoder(message)
	var version, instance string
	err = object(d, func(key []byte) (err error) {
		switch key := string(key); {
		case key == "v":
			version, err = raw(d)
			if err == nil && version != "1" {
				err = fmt.Errorf("%w: v is %s", errEnvelope, version)
			}
		case key == "origin":
			instance, err = text(d)
		case key == "events" && version == "1" && ValidName(instance):
			events, bad, err = decodeEvents(d, instance, of, now, valid)
		case key == "events":
			err = fmt.Errorf("%w: events before v and origin", errEnvelope)
		default:
			err = d.SkipValue()
		}
		return err
	})
	if err == nil {
		if _, end := d.ReadToken(); end != io.EOF { //nolint:errorlint // io.EOF is never wrapped here
			err = fmt.Errorf("%w: more text after it", errEnvelope)
		}
	}
	if err == nil && version == "" {
		err = fmt.Errorf("%w: no v", errEnvelope)
	}
	if err != nil {
		return nil, 0, err
	}
	return events, bad, nil
}

func decodeEvents(
	d *jsontext.Decoder, instance string, of partition.Set, now moment.Time, valid func(*hub.BroadcastEvent) bool,
) (events []hub.BroadcastEvent, bad int, err error) {
	if tok, err := d.ReadToken(); err != nil || tok.Kind() != '[' {
		return nil, 0, fmt.Errorf("%w: events is not an array", errEnvelope)
	}
	for d.PeekKind() == '{' {
		e, ok, err := decodeEvent(d, instance, now)
		if err != nil {
			return nil, 0, err
		}
		if ok && of.Has(partition.Of(e.Room)) && PlainRoom(e.Room) && (valid == nil || valid(&e)) {
			events = append(events, e)
		} else {
			bad++
		}
	}
	if tok, err := d.ReadToken(); err != nil || tok.Kind() != ']' {
		return nil, 0, fmt.Errorf("%w: an event is not an object", errEnvelope)
	}
	return events, bad, nil
}

// decodeEvent reads one event. It returns an error if the JSON is broken, and ok is false if
// the JSON is not an event.
func decodeEvent(d *jsontext.Decoder, instance string, now moment.Time) (e hub.BroadcastEvent, ok bool, err error) {
	var kind, version, age string
	var s stamp
	err = object(d, func(key []byte) (err error) {
		switch string(key) {
		case "room":
			e.Room, err = text(d)
		case "type":
			e.Type, err = text(d)
		case "kind":
			kind, err = text(d)
		case "version":
			version, err = text(d)
		case "seq", "at", "life":
			err = s.read(d, key)
		case "age":
			age, err = raw(d)
		case "data":
			e.Payload, err = raw(d)
		default:
			err = d.SkipValue()
		}
		return err
	})
	if err != nil {
		return e, false, err
	}
	e.Kind, ok = parseKind(kind)
	ok = ok && strings.HasPrefix(e.Payload, "{") && ValidName(e.Type)
	if e.Kind == hub.Message {
		e.Version.Instance = instance
	} else {
		var valid bool
		e.Version, valid = parseVersion(version)
		ok = ok && valid
	}
	ok = s.parse(&e) && ok
	ms, err := strconv.ParseInt(age, 10, 64)
	ok = ok && err == nil && ms >= 0 && ms <= maxAge
	setAge(&e, time.Duration(ms)*time.Millisecond, now)
	return e, ok, nil
}

// parseKind reads the name of a kind that crosses Redis.
func parseKind(name string) (hub.Kind, bool) {
	switch name {
	case "state":
		return hub.State, true
	case "recovered":
		return hub.Recovered, true
	case "resync":
		return hub.Resync, true
	case "message":
		return hub.Message, true
	default:
		return 0, false
	}
}

// parseVersion reads the text of a [hub.Version].
func parseVersion(s string) (hub.Version, bool) {
	if len(s) < 18 || s[16] != '-' || !ValidName(s[17:]) {
		return hub.Version{}, false
	}
	clock, ok := ParseClock(s[:16])
	return hub.Version{Clock: clock, Instance: s[17:]}, ok
}

// ParseClock reads 16 hex digits in lower case. Upper case is refused because texts of versions
// are compared.
func ParseClock(s string) (clock uint64, ok bool) {
	if len(s) != 16 {
		return 0, false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			clock = clock<<4 | uint64(c-'0')
		case 'a' <= c && c <= 'f':
			clock = clock<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return clock, clock <= MaxClock
}

// object reads an object. value reads the value of each key and must not keep the key. A key
// that is written with escapes is passed on as it is, so it counts as unknown.
func object(d *jsontext.Decoder, value func(key []byte) error) error {
	if tok, err := d.ReadToken(); err != nil || tok.Kind() != '{' {
		return fmt.Errorf("%w: not an object", errEnvelope)
	}
	for d.PeekKind() == '"' {
		key, err := d.ReadValue()
		if err != nil {
			return err
		}
		if err := value(key[1 : len(key)-1]); err != nil {
			return err
		}
	}
	_, err := d.ReadToken() // the end of the object, or the error in it
	return err
}

// newDecoder reads a text that instances wrote. A producer's data may hold a key twice, which
// must not make the text around it unreadable.
func newDecoder(text string) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBufferString(text), jsontext.AllowDuplicateNames(true))
}

// text reads a string. Any other value reads as "".
func text(d *jsontext.Decoder) (string, error) {
	if d.PeekKind() != '"' {
		return "", d.SkipValue()
	}
	tok, err := d.ReadToken()
	if err != nil {
		return "", err
	}
	return tok.String(), nil
}

func raw(d *jsontext.Decoder) (string, error) {
	v, err := d.ReadValue()
	return string(v), err
}
