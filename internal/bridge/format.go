package bridge

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"backbone/internal/bridge/wire"
	"backbone/internal/hub"
)

// Format says which form of envelopes an instance writes. All forms that it knows it reads.
type Format string

// The formats.
const (
	FormatAuto Format = "auto" // form 2 while every other instance that is heard reads it, form 1 otherwise
	Format1    Format = "1"    // form 1, which instances from before form 2 read
	Format2    Format = "2"    // form 2, whoever reads it
)

func (f Format) check() error {
	switch f {
	case FormatAuto, Format1, Format2:
		return nil
	default:
		return fmt.Errorf("format: %q: expected auto, 1 or 2", f)
	}
}

// patienceAfterBack is how many times longer than at first form 1 is written after a change back.
// Each change back costs a generation, and whoever reaches Redis can send heartbeats.
const patienceAfterBack = 20

// formChoice decides which form a session writes, by what other instances say that they read.
type formChoice struct {
	// Immutable.
	format   Format
	longWait time.Duration
	log      *slog.Logger

	writing atomic.Int32  // a wire.Form; written by the session's watch, read by any goroutine
	back    chan struct{} // one place, to the publishing goroutine: an older instance is there, and may have missed what was written in form 2

	// Owned by the session's watch.
	old  time.Time     // an instance that may not read form 2 was last heard, or may have been there
	owed bool          // back was told since form 2 was last written, or since the session began
	wait time.Duration // for such an instance, until form 2 is written
	told bool          // the log says that such an instance cannot read what is written
}

func newFormChoice(o *Options, now time.Time) *formChoice {
	c := &formChoice{
		format: o.Format, longWait: patienceAfterBack * o.peersPatience(), log: o.Logger,
		back: make(chan struct{}, 1), old: now, wait: o.peersPatience(),
	}
	c.write(wire.Form1)
	if o.Format == Format2 {
		c.write(wire.Form2)
	}
	return c
}

// form is the form that the session writes now.
func (c *formChoice) form() wire.Form { return wire.Form(c.writing.Load()) }

func (c *formChoice) write(form wire.Form) { c.writing.Store(int32(form)) }

// heard says that another instance reads forms up to reads. The first that does not read form 2 may
// have missed what was written before this session too, by an earlier one or by another process.
func (c *formChoice) heard(instance string, reads wire.Form, now time.Time) {
	if reads >= wire.Form2 {
		return
	}
	c.old = now
	if c.format == Format2 && !c.told {
		c.told = true
		c.log.Warn("an instance of an older build cannot read what is written here: replace it, or set --redis-format auto", "instance", instance)
	}
	if c.format != FormatAuto || c.owed {
		return
	}
	c.owed = true
	was := c.form()
	c.write(wire.Form1)
	nudge(c.back)
	if was == wire.Form2 {
		c.wait = c.longWait
		c.log.Warn("an instance of an older build reads less: what goes through redis costs more until it is replaced", "instance", instance)
	}
}

// tick begins form 2 once no instance that does not read it was heard for long enough.
func (c *formChoice) tick(now time.Time) {
	if c.format == FormatAuto && c.form() == wire.Form1 && now.Sub(c.old) > c.wait {
		c.owed = false
		c.write(wire.Form2)
	}
}

// excuse says that nobody was heard because this process stood still until now.
func (c *formChoice) excuse(now time.Time) { c.old = now }

// offers are those of events that are offered again. Once an older instance was heard they are
// published anew, even if Redis holds them: it may have been there when they were published in form 2.
func offers(events []hub.BroadcastEvent) (again []hub.BroadcastEvent) {
	for i := range events {
		if events[i].Kind == hub.Recovered {
			again = append(again, events[i])
		}
	}
	return again
}
