package transport

import (
	"strconv"
	"time"

	"backbone/internal/domain/common"
	"backbone/internal/hub"
	"backbone/protocol"
)

// wish is what a join asks for besides the events of its rooms.
type wish struct {
	hub.Wants
	prefix *string // the rooms are those of a prefix; nil: they are named
	marks  bool    // for the connection: marks are messages
	beat   uint32  // for the connection: time between heartbeats, milliseconds; 0: the join does not say
}

// wishes are the options of a join. Ingest takes the group of a status for its threshold.
func wishes(o *common.Object) (w wish, err error) {
	if w.Absent, _, err = o.Bool("mark_empty"); err != nil {
		return w, err
	}
	if w.Status, _, err = o.Bool("status"); err != nil {
		return w, err
	}
	var said, own bool
	if w.Stamp, said, err = o.Bool("stamp"); err != nil {
		return w, err
	}
	w.NoStamp = said && !w.Stamp
	if err = w.conflation(o); err != nil {
		return w, err
	}
	if w.Group, own, err = milliseconds(o, "silent_after_ms", protocol.MinSilentAfterMS, protocol.MaxSilentAfterMS); err != nil {
		return w, err
	}
	if own && !w.Status {
		return w, common.Errorf(protocol.CodeInvalidEvent, `silent_after_ms: needs "status":true`)
	}
	if w.marks, _, err = o.Bool("marks"); err != nil {
		return w, err
	}
	w.beat, _, err = milliseconds(o, "heartbeat_ms", protocol.MinHeartbeatMS, protocol.MaxHeartbeatMS)
	return w, err
}

// conflation reads what a join asks for of what may be left out.
func (w *wish) conflation(o *common.Object) error {
	text, said, err := o.Number("max_rate")
	if err != nil {
		return err
	}
	if said {
		rate, err := strconv.ParseFloat(string(text), 64)
		if err != nil || rate != 0 && (rate < protocol.MinRate || rate > protocol.MaxRate) {
			return common.Errorf(protocol.CodeInvalidEvent, "max_rate: must be 0 or a number from %v to %v, events per second, got %s",
				protocol.MinRate, protocol.MaxRate, text[:min(len(text), maxShown)])
		}
		if w.NoEvery = rate == 0; !w.NoEvery {
			w.Every = time.Duration(float64(time.Second) / rate)
		}
	}
	word, said, err := o.Text("conflate")
	switch {
	case err != nil || !said:
		return err
	case string(word) == protocol.ConflateNever:
		w.Whole = true
	case string(word) == protocol.ConflateBehind:
		w.NoWhole = true
	default:
		return common.Errorf(protocol.CodeInvalidEvent, `conflate: must be "%s" or "%s"`, protocol.ConflateNever, protocol.ConflateBehind)
	}
	if w.Whole && w.Every > 0 {
		return common.Errorf(protocol.CodeInvalidEvent, `conflate: "%s" refuses what max_rate asks for: send one of them`, protocol.ConflateNever)
	}
	return nil
}

// maxShown is how much of a number that is out of range is told.
const maxShown = 32

// milliseconds returns a field that is a time.
func milliseconds(o *common.Object, name string, least, most uint32) (ms uint32, present bool, err error) {
	text, present, err := o.Number(name)
	if err != nil || !present {
		return 0, present, err
	}
	n, err := strconv.ParseUint(string(text), 10, 32)
	if err != nil || uint32(n) < least || uint32(n) > most {
		return 0, true, common.Errorf(protocol.CodeInvalidEvent, "%s: must be an integer from %d to %d, got %s",
			name, least, most, text[:min(len(text), maxShown)])
	}
	return uint32(n), true, nil
}
