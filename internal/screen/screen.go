// Package screen shows the prices of rooms on a terminal while they change: a row for each
// room, with its last price, change, rate, latency and history. Commands that watch rooms
// use it; it knows neither where events come from nor what a command is called.
package screen

import (
	"context"
	"os"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/telemetry"
)

const (
	redrawEvery = 100 * time.Millisecond
	noticeEvery = time.Second
)

// Options are what a screen shows.
type Options struct {
	Title  string
	Rooms  []string            // a row each, in this order; events of other rooms are left out
	Footer []string            // lines below the table
	Events <-chan client.Event // closing it ends the screen

	// TSUnit is the unit of an event's ts, such as time.Microsecond, where producers stamp
	// events with Unix time. With 0 it is unknown, and no latency is shown.
	TSUnit time.Duration

	// Notice is called each second from a goroutine of the screen, and returns what is wrong
	// at the moment, or "". It may be nil.
	Notice func(context.Context) string
}

// Run shows the screen until the user quits, the events end or ctx ends. An output that is
// not a terminal needs its size in the options.
func Run(ctx context.Context, s cli.Streams, o Options, options ...tea.ProgramOption) error {
	program := newProgram(s, view{title: o.Title, footer: o.Footer}, options)
	ctx, stop := context.WithCancel(ctx)
	var feeding sync.WaitGroup
	defer feeding.Wait()
	defer stop()
	newest := make(chan picture, 1) // a terminal that is stuck holds up Send, and must not hold up feed
	feeding.Go(func() { show(ctx, program, newest) })
	feeding.Go(func() {
		o.feed(ctx, newest)
		program.Quit()
	})
	if o.Notice != nil {
		feeding.Go(func() {
			o.watch(ctx, func(n noticeMsg) { program.Send(n) })
		})
	}
	return runToEnd(program, s)
}

// RunModel runs a bubbletea model of the caller's, and sends it what comes from newest, which is the caller's
// one place for the newest picture: a terminal that is stuck holds up this function and not who fills the
// place. It ends when the user quits, newest is closed or ctx ends. An output that is not a terminal needs its
// size in the options.
func RunModel[T any](ctx context.Context, s cli.Streams, model tea.Model, newest <-chan T, options ...tea.ProgramOption) error {
	program := newProgram(s, model, options)
	ctx, stop := context.WithCancel(ctx)
	var feeding sync.WaitGroup
	defer feeding.Wait()
	defer stop()
	feeding.Go(func() {
		defer program.Quit()
		show(ctx, program, newest)
	})
	return runToEnd(program, s)
}

// runToEnd runs a program, and leaves the terminal as it was also if it is stuck.
func runToEnd(program *tea.Program, s cli.Streams) error {
	_, err := program.Run()
	s.Restore(leave)
	return err
}

// leave takes back what a program has asked of a terminal, if the program could not: what was cut off, synchronised
// output, the keyboard, bracketed paste, colours, the alternate screen, the hidden cursor.
const leave = "\x18\x1b[?2026l\x1b[<1u\x1b[>4m\x1b[?2004l\x1b[0m\x1b[?1049l\x1b[?25h\r\n"

func newProgram(s cli.Streams, model tea.Model, options []tea.ProgramOption) *tea.Program {
	options = append(options,
		tea.WithOutput(s.Out),
		tea.WithEnvironment(os.Environ()),
		tea.WithoutSignalHandler(), // signals end ctx
	)
	if f, ok := s.In.(*os.File); ok && telemetry.IsTerminal(f) {
		options = append(options, tea.WithInput(f))
	} else {
		options = append(options, tea.WithInput(nil)) // Ctrl-C comes as a signal
	}
	return tea.NewProgram(model, options...)
}

// show sends what is newest to the program until ctx ends or no more comes.
func show[T any](ctx context.Context, program *tea.Program, newest <-chan T) {
	for {
		select {
		case p, more := <-newest:
			if !more {
				return
			}
			program.Send(p)
		case <-ctx.Done():
			return
		}
	}
}

// feed keeps a picture of what is received in newest, which nothing else fills, until ctx or the
// events end.
func (o *Options) feed(ctx context.Context, newest chan picture) {
	b := newBoard(o.Rooms, o.TSUnit)
	redraw, sample := time.NewTicker(redrawEvery), time.NewTicker(sampleEvery)
	defer redraw.Stop()
	defer sample.Stop()
	for {
		select {
		case e, ok := <-o.Events:
			switch e := e.(type) {
			case client.PriceUpdate:
				b.update(e, time.Now())
			case client.Retired:
				b.retire(e.Instrument)
			case client.Conflated:
				b.missed += e.Skipped
			}
			if !ok {
				return
			}
		case <-sample.C:
			b.sample()
		case <-redraw.C:
			select {
			case <-newest: // nobody has shown it
			default:
			}
			newest <- b.picture()
		case <-ctx.Done():
			return
		}
	}
}

// watch shows what Notice says until ctx ends.
func (o *Options) watch(ctx context.Context, show func(noticeMsg)) {
	tick := time.NewTicker(noticeEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			show(noticeMsg(o.Notice(ctx)))
		case <-ctx.Done():
			return
		}
	}
}
