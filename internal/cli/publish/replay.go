package publish

import (
	"context"
	"errors"
	"io"
	"os"
	"regexp"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
)

// playback is the flags that play a file back.
type playback struct {
	Replay bool    `group:"Playing a file back" help:"Publish as fast as it was recorded: by the key received of each line, which backbone record writes, or else by ts in the unit of --ts-unit."`
	Speed  float64 `group:"Playing a file back" default:"1" placeholder:"N" help:"With --replay, how many times as fast."`
	Loop   bool    `group:"Playing a file back" help:"Begin --file again at its end, until Ctrl-C."`
}

// check says which flags cannot be together.
func (p *playback) check(c *Cmd, one bool) error {
	speed := p.Speed
	if speed == 0 && !p.Replay {
		speed = 1 // not parsed
	}
	switch {
	case p.Replay && (one || len(c.Retire) > 0):
		return config.Errorf("replay", "needs lines: --file, or standard input")
	case p.Replay && c.Rate != 0:
		return config.Errorf("replay", "and --rate exclude each other: leave one out")
	case !(speed >= 1e-6 && speed <= 1e9):
		return config.Errorf("speed", "must be from 0.000001 to 1000000000, not %v", p.Speed)
	case speed != 1 && !p.Replay:
		return config.Errorf("speed", "needs --replay")
	case p.Replay && c.Map != "" && !mapsTime.MatchString(c.Map):
		return config.Errorf("replay", "needs the time of each price: --map must name ts")
	case p.Loop && c.DryRun:
		return config.Errorf("loop", "and --dry-run exclude each other: leave one out")
	case c.DryRun && len(c.Retire) > 0:
		return config.Errorf("dry-run", "is for prices: leave out --retire")
	case p.Loop && (c.File == "" || c.File == "-"):
		return config.Errorf("loop", "needs --file: standard input cannot be read again")
	}
	return nil
}

var mapsTime = regexp.MustCompile(`(^|,)\s*ts\s*=`)

// clock says how long after the event before it one is due. The publisher owns it.
type clock struct {
	unit     string
	speed    float64
	begun    bool
	last     time.Time // the latest that there was
	received bool      // last is when an event was received, not its ts
	round    int       // of --loop
}

// gap is the time between the latest event before u and u, which is read at where. It is 0 for the first of
// a round, for what is earlier, and where the two times are not of one clock.
func (c *clock) gap(u client.PriceUpdate, where position) time.Duration {
	at, received := where.received, true
	if at.IsZero() {
		at, received = timeOf(u.TS, c.unit), false
	}
	if !c.begun || received != c.received || where.round != c.round {
		c.begun, c.last, c.received, c.round = true, at, received, where.round
		return 0
	}
	d := at.Sub(c.last)
	if d <= 0 {
		return 0
	}
	c.last = at
	const most = float64(1 << 62)
	return time.Duration(min(float64(d)/c.speed, most))
}

func timeOf(ts int64, unit string) time.Time {
	switch unit {
	case "s":
		return time.Unix(ts, 0)
	case "us":
		return time.UnixMicro(ts)
	case "ns":
		return time.Unix(0, ts)
	}
	return time.UnixMilli(ts)
}

// wait waits until an event is due: by --rate, or by the clock of --replay.
func (p *publication) wait(ctx context.Context, in input) error {
	switch {
	case p.Replay:
		if d := p.clock.gap(in.event, in.where); d > 0 {
			return p.pacer.Wait(ctx, d)
		}
	case p.Rate > 0 && p.sent > 0:
		return p.pacer.Wait(ctx, cli.Gap(p.Rate))
	}
	return nil
}

// rounds is the source of --loop: when one has ended, another one reads the file again.
type rounds struct {
	source
	file   *os.File
	open   func(io.Reader) (source, error)
	round  int
	passed int // by the rounds before
	events int // of this round
}

func (r *rounds) next() (client.PriceUpdate, error) {
	for {
		u, err := r.source.next()
		if err == nil {
			r.events++
		}
		if !errors.Is(err, io.EOF) {
			return u, err
		}
		if r.events == 0 {
			return u, config.Errorf("loop", "finds no event in the file")
		}
		r.passed += r.source.at().passed
		if _, err := r.file.Seek(0, io.SeekStart); err != nil {
			return u, config.Errorf("loop", "needs a file that can be read again: %v", err)
		}
		if r.source, err = r.open(r.file); err != nil {
			return u, err
		}
		r.round++
		r.events = 0
	}
}

func (r *rounds) at() position {
	where := r.source.at()
	where.round, where.passed = r.round, where.passed+r.passed
	return where
}
