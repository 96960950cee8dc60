package publish

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"backbone/internal/cli"
	"backbone/internal/human"
	"backbone/internal/telemetry"
)

const (
	progressEvery = 250 * time.Millisecond
	barWidth      = 20
)

// progress is how far a publication is. The publisher counts, and another goroutine shows it.
type progress struct {
	sent, bytes, round atomic.Int64
	total              int64 // bytes of the file; 0 is unknown

	// Owned by the goroutine that shows it.
	recent []sample // of the last seconds, the oldest first
}

// sample is how much was sent after a time.
type sample struct {
	sent int64
	at   time.Duration
}

// rate is how many events were sent a second, lately.
func (p *progress) rate(now sample) float64 {
	const window = 8
	if p.recent = append(p.recent, now); len(p.recent) > window {
		p.recent = p.recent[1:]
	}
	first := p.recent[0]
	if len(p.recent) == 1 {
		first = sample{}
	}
	return float64(now.sent-first.sent) / max((now.at-first.at).Seconds(), 1e-9)
}

// watched reports whether a person at a terminal waits for lines that they do not type.
func (c *Cmd) watched(s cli.Streams) bool {
	if c.Instrument != "" {
		return false
	}
	f, is := s.In.(*os.File)
	return c.File != "" && c.File != "-" || !is || !telemetry.IsTerminal(f)
}

// sizeOf is the size of a file, 0 for what has none.
func sizeOf(input io.Reader) int64 {
	if f, ok := input.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			return info.Size()
		}
	}
	return 0
}

// reach notes that an event is sent.
func (p *progress) reach(sent int, where position) {
	p.sent.Store(int64(sent))
	p.bytes.Store(where.bytes)
	p.round.Store(int64(where.round))
}

// show shows the progress until stop is closed.
func (p *progress) show(status *cli.StatusLine, stop <-chan struct{}) {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	defer status.Clear()
	start := time.Now()
	for {
		select {
		case <-ticker.C:
			status.Show(p.line(time.Since(start)))
		case <-stop:
			return
		}
	}
}

// line is the progress after a time: of a file a bar and how long the rest takes at this pace, of any
// other input what is sent.
func (p *progress) line(at time.Duration) string {
	sent, round := p.sent.Load(), p.round.Load()
	text := fmt.Sprintf("%s sent  %s/s", human.Group(sent), human.Count(p.rate(sample{sent, at})))
	if p.total == 0 {
		return text
	}
	part := min(float64(p.bytes.Load())/float64(p.total), 1)
	full := int(part * barWidth)
	bar := fmt.Sprintf("[%s%s] %3.0f%%  ", strings.Repeat("#", full), strings.Repeat("-", barWidth-full), part*100)
	if whole := float64(round) + part; part > 0 && at > time.Second {
		each := at.Seconds() / whole // of a round
		text += "  " + clockTime(time.Duration(each*(1-part)*float64(time.Second))) + " left"
	}
	if round > 0 {
		text += fmt.Sprintf("  round %s", human.Group(round+1))
	}
	return bar + text
}

// clockTime is a duration as 0:07 or 1:02:03.
func clockTime(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
