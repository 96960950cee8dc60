package screen

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// after is the view once it has received the messages.
func after(t *testing.T, v view, messages ...tea.Msg) view {
	t.Helper()
	for _, m := range messages {
		next, _ := v.Update(m)
		v = next.(view)
	}
	return v
}

func sampleBoard() *board {
	b := newBoard([]string{"BTC_USDT", "ETH_USDT", "SOL_USDT"}, time.Microsecond)
	for _, price := range []string{"100.0", "101.5"} {
		b.update(priced("BTC_USDT", price, 0), start0.Add(250*time.Microsecond))
	}
	for _, price := range []string{"3000.00", "2970.00"} {
		b.update(priced("ETH_USDT", price, 0), start0.Add(3*time.Millisecond))
	}
	b.sample()
	return b
}

func TestTheViewShowsThePicture(t *testing.T) {
	v := after(t, view{title: "a title", footer: []string{"server  ws://127.0.0.1:1"}}, sampleBoard().picture(), tea.WindowSizeMsg{Width: 120, Height: 40})
	screen := v.View()
	if !screen.AltScreen {
		t.Error("the view does not take the alternate screen")
	}
	text := ansi.Strip(screen.Content)
	if screen.WindowTitle != "a title" {
		t.Errorf("the window is called %q", screen.WindowTitle)
	}
	for _, want := range []string{
		"a title   4 events/s   4 events   latency p50 3.0 ms, p99 3.0 ms",
		"BTC_USDT   ▲       101.5    +1.50%        2    250 us  ",
		"ETH_USDT   ▼     2970.00    -1.00%        2    3.0 ms  ",
		"SOL_USDT         waiting",
		"server  ws://127.0.0.1:1\nq quits",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "left out") {
		t.Errorf("nothing was left out, but the view says so:\n%s", text)
	}
	for _, colored := range []string{"\x1b[32m▲", "\x1b[31m▼"} {
		if !strings.Contains(screen.Content, colored) {
			t.Errorf("no %q in %q", colored, screen.Content)
		}
	}
}

func TestNamesOfAnyScriptStayInTheirColumn(t *testing.T) {
	names := []string{"A", "币安人生USDT", "e\u0301te\u0301", "💎🙌", strings.Repeat("long", 20), "a\x1b[2J\rb"}
	b := newBoard(names, time.Microsecond)
	for _, name := range names {
		b.update(priced(name, "1.5", 0), start0)
	}
	v := after(t, view{}, b.picture(), tea.WindowSizeMsg{Width: 120, Height: 40})
	lines := strings.Split(ansi.Strip(v.render()), "\n")
	for i, name := range names {
		before, _, ok := strings.Cut(lines[3+i], "1.5 ")
		if w := ansi.StringWidth(before); !ok || w != 30+1+13-3 {
			t.Errorf("the price of %q begins in column %d: %q", name, w, lines[3+i])
		}
	}
}

func TestTheViewTellsWhatIsWrong(t *testing.T) {
	b := sampleBoard()
	b.missed = 12
	v := after(t, view{}, b.picture(), noticeMsg("Redis is degraded"))
	text := ansi.Strip(v.render())
	if !strings.Contains(text, "12 events left out") || !strings.Contains(text, "Redis is degraded") {
		t.Errorf("view:\n%s", text)
	}
	if text := ansi.Strip(after(t, v, noticeMsg("")).render()); strings.Contains(text, "Redis") {
		t.Errorf("the notice stays:\n%s", text)
	}
}

func TestTheViewFitsTheTerminal(t *testing.T) {
	v := after(t, view{footer: []string{strings.Repeat("x", 200)}}, sampleBoard().picture(), tea.WindowSizeMsg{Width: 40, Height: 10})
	for line := range strings.SplitSeq(v.render(), "\n") {
		if w := ansi.StringWidth(line); w > 40 {
			t.Errorf("a line is %d wide: %q", w, line)
		}
	}
	all := len(strings.Split(v.render(), "\n"))
	for _, height := range []int{1, 2, 5, 6} {
		lines := strings.Split(ansi.Strip(after(t, v, tea.WindowSizeMsg{Width: 40, Height: height}).render()), "\n")
		if want := fmt.Sprintf("q quits   %d lines do not fit", all-height); len(lines) != height || lines[height-1] != want {
			t.Errorf("height %d: %q", height, lines)
		}
	}
}

func TestAChangeThatRoundsToNothingHasNoSign(t *testing.T) {
	b := newBoard([]string{"A"}, time.Microsecond)
	b.update(priced("A", "100000", 0), start0)
	b.update(priced("A", "99999", 0), start0)
	if text := ansi.Strip(renderRow(b.rows["A"], 10)); !strings.Contains(text, "   +0.00%") {
		t.Errorf("row %q", text)
	}
}

func TestKeysQuit(t *testing.T) {
	for _, key := range []tea.KeyPressMsg{{Code: 'q', Text: "q"}, {Code: 'c', Mod: tea.ModCtrl}, {Code: tea.KeyEscape}} {
		_, cmd := view{}.Update(key)
		if cmd == nil {
			t.Errorf("%s does not quit", key)
		} else if _, quits := cmd().(tea.QuitMsg); !quits {
			t.Errorf("%s does something else", key)
		}
	}
	if _, cmd := (view{}).Update(tea.KeyPressMsg{Code: 'x', Text: "x"}); cmd != nil {
		t.Error("x does something")
	}
}

func TestTheHeadlineFitsAnOrdinaryTerminal(t *testing.T) {
	b := sampleBoard()
	b.total, b.shown = 999_999, rates{events: 999, p50: 99 * time.Millisecond, p99: 99 * time.Millisecond}
	headline, _, _ := strings.Cut(ansi.Strip(after(t, view{title: "backbone demo"}, b.picture()).render()), "\n")
	if w := ansi.StringWidth(headline); w > 80 || !strings.HasSuffix(headline, "p99 99.0 ms") {
		t.Errorf("%d columns: %q", w, headline)
	}
}
