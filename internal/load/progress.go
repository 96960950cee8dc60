package load

import "time"

// State is what a run is doing.
type State int

// The states of a run, in their order.
const (
	Connecting State = iota
	WarmingUp
	Measuring
	Draining // publishing has ended, and what is on its way is waited for
)

// Progress is how far a run has come. Its counts are from the begin of the run.
type Progress struct {
	State     State
	At        time.Duration // since the begin of the run
	Left      time.Duration // of the measurement
	Arrived   int           // consumers that have joined, or failed to
	Sent      int           // events
	Delivered int           // live events, by all consumers
	Conflated int
	Wrong     int
	Latency   Percentiles // of the newest interval that has any
}

// progress is called by the recorder's goroutine, whose figures most of them are.
func (r *run) progress() Progress {
	rec, begin, now := r.recorder, time.Duration(r.stage.measured.Load()), r.stage.clock.now()
	p := Progress{
		At: now, Left: begin + r.For - now,
		Arrived: int(r.arrived.Load()), Sent: int(r.stage.sent.Load()),
		Delivered: rec.total.delivered, Conflated: rec.total.conflated, Wrong: rec.total.wrong,
	}
	switch {
	case begin == 0:
		p.State = Connecting
	case now < begin:
		p.State = WarmingUp
	case p.Left >= 0:
		p.State = Measuring
	default:
		p.State = Draining
	}
	for i := len(rec.series) - 1; i >= max(0, len(rec.series)-3); i-- { // the newest may lack most of what belongs to it
		if p.Latency = percentilesOf(rec.series[i].latency); p.Latency.Count > 0 {
			break
		}
	}
	return p
}
