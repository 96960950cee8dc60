package top

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"backbone/internal/cli"
	"backbone/internal/human"
)

type view int32

const (
	clients view = iota
	rooms
	views
)

// table is what the screen shows. Its methods are safe for concurrent use by multiple goroutines;
// each field has one writer.
type table struct {
	shown  atomic.Pointer[[2]*picture] // the newest and the one before; written by who looks
	wish   atomic.Pointer[wish]        // written by the screen's keys
	view   atomic.Int32                // likewise
	typing atomic.Bool                 // likewise: keys are of the filter
	wished chan struct{}               // has one place: the wish has changed
}

func newTable(first *picture, w wish) *table {
	t := &table{wished: make(chan struct{}, 1)}
	t.shown.Store(&[2]*picture{first, first})
	t.wish.Store(&w)
	return t
}

// take shows a newer picture.
func (t *table) take(p *picture) { t.shown.Store(&[2]*picture{p, t.shown.Load()[0]}) }

// key does what a key says. It reports whether it was one of the table's.
func (t *table) key(name string) bool {
	w := *t.wish.Load()
	if t.typing.Load() {
		switch {
		case name == "enter" || name == "esc":
			t.typing.Store(false)
			if name == "enter" {
				return true
			}
			w.filter = ""
		case name == "backspace" && w.filter != "":
			w.filter = w.filter[:len(w.filter)-1]
		case len(name) == 1 && name[0] > ' ' && name[0] < 0x7f:
			w.filter += name
		default:
			return name != "ctrl+c"
		}
	} else {
		order, known := map[string]string{"a": "age", "u": "queued", "c": "conflated", "r": "rooms"}[name]
		switch {
		case known:
			w.sort = order
		case name == "/":
			t.typing.Store(true)
			return true
		case name == "tab":
			t.view.Store((t.view.Load() + 1) % int32(views))
			return true
		default:
			return false
		}
	}
	t.wish.Store(&w)
	select {
	case t.wished <- struct{}{}:
	default:
	}
	return true
}

// lines are those of the screen.
func (t *table) lines(time.Time) []string {
	p, before := t.shown.Load()[0], t.shown.Load()[1]
	w := t.wish.Load()
	slow, all := 0, 0
	for _, i := range p.Instances {
		slow, all = slow+i.Slow, all+i.Consumers+i.Ingestors
	}
	head := fmt.Sprintf("%s, %d slow   by %s", human.Things(all, "client"), slow, w.sort)
	if w.filter != "" || t.typing.Load() {
		head += "   filter: " + w.filter
		if t.typing.Load() {
			head += "_"
		}
	}
	lines := append([]string{head, ""}, instanceLines(p, before)...)
	if lines = append(lines, ""); view(t.view.Load()) == rooms {
		return append(lines, roomLines(p)...)
	}
	return append(lines, clientLines(p)...)
}

func heading(format string, words ...any) string {
	return cli.StyleFaint.Render(fmt.Sprintf(format, words...))
}

const instanceFormat = "%s %-10s %5s %6s %5s %6s %7s %8s %9s"

func instanceLines(p, before *picture) []string {
	names := []string{"INSTANCE"}
	for _, i := range p.Instances {
		names = append(names, named(i))
	}
	width := min(cli.Width(names), 24)
	lines := []string{heading(instanceFormat, cli.Column("INSTANCE", width), "BRIDGE", "PEERS", "CONS", "PROD", "ROOMS", "OWN/S", "OTHERS/S", "OUT/S")}
	for n, i := range p.Instances {
		if i.failed != nil {
			lines = append(lines, cli.StyleWarn.Render(cli.Column(named(i), width)+" "+cli.Printable(i.Error)))
			continue
		}
		rate := func(total func(instance) uint64) string {
			over := p.at.Sub(before.at).Seconds()
			if over <= 0 || n >= len(before.Instances) || before.Instances[n].failed != nil || total(before.Instances[n]) > total(i) {
				return "-"
			}
			return human.Group(int64(float64(total(i)-total(before.Instances[n])) / over))
		}
		bridge := i.Bridge
		if i.Status != "ready" {
			bridge = i.Status
		}
		line := fmt.Sprintf(instanceFormat, cli.Column(named(i), width), bridge, human.Group(i.Peers),
			human.Group(i.Consumers), human.Group(i.Ingestors), human.Group(i.Rooms),
			rate(func(i instance) uint64 { return i.Published }), rate(func(i instance) uint64 { return i.Remote }), rate(func(i instance) uint64 { return i.Deliveries }))
		if i.Cause != "" {
			line += "  " + cli.Printable(i.Cause)
		}
		if bridge != "ok" && bridge != "off" {
			line = cli.StyleWarn.Render(line)
		}
		lines = append(lines, line)
	}
	return lines
}

func named(i instance) string {
	if i.Instance != "" {
		return i.Instance
	}
	return strings.TrimPrefix(i.URL, "http://")
}

const clientFormat = "%s %s %6s %7s %8s %9s %6s"

func clientLines(p *picture) []string {
	names := []string{"NAME"}
	several := len(p.Instances) > 1
	who := func(c client) string {
		name := c.Name
		if name == "" {
			name = strings.ToLower(c.Role)
		}
		if several {
			name += "@" + c.Instance
		}
		return name
	}
	for _, c := range p.Clients {
		names = append(names, who(c))
	}
	width := min(cli.Width(names), 24)
	lines := []string{heading(clientFormat, cli.Column("ADDRESS", 21), cli.Column("NAME", width), "ROOMS", "AGE", "QUEUED", "CONFLATED", "WAITS")}
	for _, c := range p.Clients {
		line := fmt.Sprintf(clientFormat, cli.Column(c.Address, 21), cli.Column(who(c), width), human.Group(c.Rooms), brief(c.AgeMS), size(c.Queued),
			human.Group(c.Conflated), human.Group(int(c.Waits)))
		if c.Slow == "" {
			lines = append(lines, line)
			continue
		}
		lines = append(lines, cli.StyleWarn.Render(line), cli.StyleWarn.Render("  "+c.Slow))
	}
	return lines
}

func roomLines(p *picture) []string {
	names := []string{"ROOM"}
	for _, r := range p.Rooms {
		names = append(names, r.Room)
	}
	width := min(cli.Width(names), 30)
	lines := []string{heading("%s %7s %7s  %-16s %s", cli.Column("ROOM", width), "MEMBERS", "AGE", "VERSION", "NEWEST EVENT")}
	for _, r := range p.Rooms {
		clock, _, _ := strings.Cut(r.Version, "-")
		line := fmt.Sprintf("%s %7s %7s  %-16s ", cli.Column(r.Room, width), human.Group(r.Members), brief(r.AgeMS), clock)
		if len(r.Behind) > 0 {
			line += cli.StyleWarn.Render("older on "+strings.Join(r.Behind, ", ")) + "  "
		}
		lines = append(lines, line+cli.Printable(r.Payload))
	}
	return lines
}

// brief is a time of milliseconds in at most seven columns.
func brief(ms int64) string {
	switch d := time.Duration(ms) * time.Millisecond; {
	case ms == 0:
		return "-"
	case d < time.Second:
		return fmt.Sprintf("%d ms", ms)
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}

// size is a number of bytes in at most eight columns.
func size(bytes int) string {
	switch {
	case bytes == 0:
		return "-"
	case bytes < 1<<10:
		return fmt.Sprintf("%d B", bytes)
	case bytes < 1<<20:
		return fmt.Sprintf("%d KiB", bytes>>10)
	default:
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
}
