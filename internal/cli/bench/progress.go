package bench

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"

	"backbone/internal/human"
	"backbone/internal/load"
)

const progressEvery = 500 * time.Millisecond

// progress is one line on the terminal that tells how a run goes. The run alone calls it
// until it has ended.
type progress struct {
	terminal  io.Writer
	consumers int
	whole     time.Duration // of the measurement
	last      load.Progress // that was shown
}

func (p *progress) show(now load.Progress) {
	width := p.width()
	p.write(ansi.Truncate(p.line(now, width-1), width-1, "…"))
}

// clear takes the line away.
func (p *progress) clear() { p.write("") }

func (p *progress) write(line string) { _, _ = fmt.Fprintf(p.terminal, "\r\x1b[K%s", line) }

// width is that of the terminal.
func (p *progress) width() int {
	if f, ok := p.terminal.(interface{ Fd() uintptr }); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}

// line is what is told of a run that has come from the last progress to this one. A bar takes
// what the text leaves of most columns.
func (p *progress) line(now load.Progress, most int) string {
	if now.State == load.Connecting {
		return fmt.Sprintf("connecting: %s of %s consumers", human.Group(now.Arrived), human.Group(p.consumers))
	}
	perSecond := func(n int) string { return human.Group(int(float64(n)/(now.At-p.last.At).Seconds() + 0.5)) }
	line := fmt.Sprintf("%s events/s  %s deliveries/s", perSecond(now.Sent-p.last.Sent), perSecond(now.Delivered-p.last.Delivered))
	p.last = now
	if l := now.Latency; l.Count > 0 {
		line += fmt.Sprintf("  p50 %s  p99 %s", human.Millis(l.P50), human.Millis(l.P99))
	}
	if now.Conflated > 0 {
		line += fmt.Sprintf("  %s conflated", human.Group(now.Conflated))
	}
	if now.Wrong > 0 {
		line += fmt.Sprintf("  %s WRONG", human.Group(now.Wrong))
	}
	switch now.State {
	case load.WarmingUp:
		return "warming up  " + line
	case load.Draining:
		return "waiting for what is on its way  " + line
	default:
		line = fmt.Sprintf("%4.1f s left  %s", now.Left.Seconds(), line)
		return bar(p.whole-now.Left, p.whole, most-len(line)-1) + " " + line
	}
}

// bar is how much of the measurement is over.
func bar(done, whole time.Duration, width int) string {
	width = min(max(width, 4), 40)
	n := int(min(max(0, float64(done)/float64(whole)), 1)*float64(width) + 0.5)
	return strings.Repeat("█", n) + strings.Repeat("░", width-n)
}
