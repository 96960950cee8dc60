package main

import (
	"fmt"
	"os"
	"time"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"

	"backbone/internal/human"
	"backbone/internal/telemetry"
)

// benchProgress is one line on the terminal that tells how a run goes. The recorder
// shows it, as most figures are its own.
type benchProgress struct {
	run    *benchRun
	ticker *time.Ticker // nil: standard error is no terminal
	sent   int64        // at the last tick
	got    int
	at     time.Duration
}

func (b *benchRun) startProgress() *benchProgress {
	p := &benchProgress{run: b}
	if telemetry.IsTerminal(b.Err) {
		p.ticker = time.NewTicker(500 * time.Millisecond)
	}
	return p
}

// ticks never comes where nothing is to be shown.
func (p *benchProgress) ticks() <-chan time.Time {
	if p.ticker == nil {
		return nil
	}
	return p.ticker.C
}

func (p *benchProgress) show() {
	p.write(p.line())
}

// clear ends the progress.
func (p *benchProgress) clear() {
	if p.ticker == nil {
		return
	}
	p.ticker.Stop()
	p.write("")
}

func (p *benchProgress) write(line string) {
	if f, ok := p.run.Err.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			line = ansi.Truncate(line, width-1, "…")
		}
	}
	_, _ = fmt.Fprintf(p.run.Err, "\r\x1b[K%s", line)
}

func (p *benchProgress) line() string {
	b := p.run
	begin := time.Duration(b.stage.measured.Load())
	if begin == 0 {
		return fmt.Sprintf("connecting: %s of %s consumers", human.Group(int(b.arrived.Load())), human.Group(b.Consumers))
	}
	now, r := b.stage.clock.now(), b.recorder
	sent, got := b.stage.sent.Load(), r.total.delivered
	seconds := (now - p.at).Seconds()
	perSecond := func(n float64) string { return human.Group(int(n/seconds + 0.5)) }
	line := fmt.Sprintf("%s events/s   %s deliveries/s", perSecond(float64(sent-p.sent)), perSecond(float64(got-p.got)))
	p.sent, p.got, p.at = sent, got, now
	for i := len(r.series) - 1; i >= max(0, len(r.series)-3); i-- { // the newest may lack most of what belongs to it
		if l := percentilesOf(r.series[i].latency); l.Count > 0 {
			line += fmt.Sprintf("   p50 %s   p99 %s", human.Millis(l.P50), human.Millis(l.P99))
			break
		}
	}
	if r.total.conflated > 0 {
		line += fmt.Sprintf("   %s conflated", human.Group(r.total.conflated))
	}
	if r.total.wrong > 0 {
		line += fmt.Sprintf("   %s WRONG", human.Group(r.total.wrong))
	}
	switch left := begin + b.For - now; {
	case now < begin:
		return "warming up   " + line
	case left < 0:
		return "waiting for what is on its way   " + line
	default:
		return fmt.Sprintf("%4.1f s left   %s", left.Seconds(), line)
	}
}
