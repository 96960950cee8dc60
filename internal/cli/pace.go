package cli

import (
	"context"
	"strconv"
	"time"

	"backbone/client"
	"backbone/internal/config"
	"backbone/protocol"
)

// MinRate is the lowest rate that flags take, about one event a day: the time between two
// events must not grow beyond what a duration holds.
const MinRate = 1e-5

// MaxPublishRate is the highest rate at which publish and bench are asked to send.
const MaxPublishRate = 1e9

// Gap is the time between two events of a rate that was checked.
func Gap(perSecond float64) time.Duration {
	return time.Duration(float64(time.Second) / perSecond)
}

// CheckRate refuses rates that nothing can keep, NaN among them.
func CheckRate(flag string, perSecond, most float64) error {
	if !(perSecond >= MinRate && perSecond <= most) {
		return config.Errorf(flag, "must be from %s to %s, not %v", decimal(MinRate), decimal(most), perSecond)
	}
	return nil
}

// CheckRateOrNone is CheckRate for a rate that may also be 0, which means no limit.
func CheckRateOrNone(flag string, perSecond, most float64) error {
	if perSecond != 0 && CheckRate(flag, perSecond, most) != nil {
		return config.Errorf(flag, "must be 0, or from %s to %s, not %v", decimal(MinRate), decimal(most), perSecond)
	}
	return nil
}

// CheckMaxRate refuses a --max-rate that no server takes in a join. 0 is none.
func CheckMaxRate(perSecond float64) error {
	if perSecond != 0 && !(perSecond >= protocol.MinRate && perSecond <= protocol.MaxRate) {
		return config.Errorf("max-rate", "must be 0 or a number from %v to %v, prices a second, not %v", protocol.MinRate, protocol.MaxRate, perSecond)
	}
	return nil
}

// CheckMinChange refuses a --min-change that is none. Empty is each price.
func CheckMinChange(change string) error {
	if !client.MinChange(change).Valid() {
		return config.Errorf("min-change", "must be a number above 0, such as 0.01 or 0.5%%, not %q", change)
	}
	return nil
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// Pacer spreads events over time. The zero Pacer is not ready: use NewPacer.
type Pacer struct{ next time.Time }

// NewPacer returns a Pacer whose time begins now.
func NewPacer() Pacer { return Pacer{next: time.Now()} }

// Wait waits until d after the previous event was due. A caller that comes late catches
// up, but never by more than a second.
func (p *Pacer) Wait(ctx context.Context, d time.Duration) error {
	now := time.Now()
	if p.next = p.next.Add(d); now.Sub(p.next) > time.Second {
		p.next = now
	}
	if p.next.Sub(now) <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(p.next.Sub(now)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
