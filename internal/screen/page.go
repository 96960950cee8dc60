package screen

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"backbone/internal/cli"
)

// Page is a screen whose lines are made by the caller.
type Page struct {
	Title string
	// Lines is called every 100 ms from a goroutine of the screen. The first line stands behind the
	// title.
	Lines func(now time.Time) []string
	// Key is called with the name of each key, from the screen's goroutine. It reports whether the key was
	// its own; if not, some keys quit. nil: none is.
	Key  func(name string) bool
	Help string // the last line; empty: how to quit
}

// RunPage shows a page until the user quits or ctx ends. An output that is not a terminal needs its
// size in the options.
func RunPage(ctx context.Context, s cli.Streams, p Page, options ...tea.ProgramOption) error {
	ctx, stop := context.WithCancel(ctx)
	var feeding sync.WaitGroup
	defer feeding.Wait()
	defer stop()
	newest := make(chan []string, 1)
	feeding.Go(func() {
		redraw := time.NewTicker(redrawEvery)
		defer redraw.Stop()
		for {
			select {
			case newest <- p.Lines(time.Now()):
			case <-ctx.Done():
				return
			}
			select {
			case <-redraw.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return RunModel(ctx, s, page{title: p.Title, key: p.Key, help: cmp.Or(p.Help, "q quits")}, newest, options...)
}

// page is the bubbletea model of a Page.
type page struct {
	title, help   string
	key           func(string) bool
	lines         []string
	width, height int // of the terminal; 0 is not known yet
}

func (p page) Init() tea.Cmd { return nil }

func (p page) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case []string:
		p.lines = msg
	case tea.WindowSizeMsg:
		p.width, p.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		if p.key != nil && p.key(msg.String()) {
			return p, nil
		}
		return p, quits(msg)
	}
	return p, nil
}

func (p page) View() tea.View {
	text := cli.StyleTitle.Render(p.title)
	if len(p.lines) > 0 {
		text += "   " + strings.Join(p.lines, "\n")
	}
	screen := tea.NewView(Fitted(text+"\n"+cli.StyleFaint.Render(p.help), p.width, p.height))
	screen.AltScreen = true
	screen.WindowTitle = p.title
	return screen
}
