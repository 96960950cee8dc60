package watch

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"go.uber.org/goleak"

	"backbone/client"
	"backbone/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start0 = time.UnixMilli(1_700_000_000_000)

// at is a time so long after start0.
func at(after time.Duration) time.Time { return start0.Add(after) }

// priced is a live price that was taken in at the given time after start0.
func priced(room, price string, taken time.Duration) client.PriceUpdate {
	return client.PriceUpdate{Instrument: room, Price: client.Price(price), TS: 42, Stamp: &client.Stamp{Epoch: "e", Seq: 7, At: at(taken)}}
}

// asks keeps what a model asks for.
type asks struct {
	wishes []wish
	full   bool
}

func (a *asks) ask(room string, leave bool) bool {
	if !a.full {
		a.wishes = append(a.wishes, wish{room, leave})
	}
	return !a.full
}

// market is a board with three rooms that have moved, and one without a price.
func market() *board {
	b := newBoard(start0)
	for _, room := range []string{"BTC_USDT", "ETH_USDT", "EUR/USD", "NONE"} {
		b.add(room)
	}
	b.take(client.NoSnapshot{Room: "NONE"}, start0)
	for _, u := range []client.PriceUpdate{
		priced("BTC_USDT", "60000.00", 0), priced("ETH_USDT", "3000.5", 0), priced("EUR/USD", "1.08452", 0), priced("BTC_USDT", "60600.00", 0),
		priced("ETH_USDT", "2970.5", 0), priced("BTC_USDT", "60300.10", 0),
	} {
		b.take(u, at(2*time.Millisecond))
	}
	b.take(client.Conflated{Room: "ETH_USDT", Skipped: 1200}, at(2*time.Millisecond))
	b.sample()
	return b
}

// shown is a model that has received the messages, in a terminal of 100 columns and 24 lines.
func shown(t *testing.T, a *asks, messages ...tea.Msg) model {
	t.Helper()
	m := newModel("ws://127.0.0.1:8080", staleness{10 * time.Second, time.Minute}, "joined", "", a.ask)
	return then(m, append([]tea.Msg{tea.WindowSizeMsg{Width: 100, Height: 24}}, messages...)...)
}

func then(m model, messages ...tea.Msg) model {
	for _, msg := range messages {
		next, _ := m.Update(msg)
		m = next.(model)
	}
	return m
}

// press is the messages of keys: single letters, or names.
func press(keys ...string) (messages []tea.Msg) {
	special := map[string]tea.KeyPressMsg{
		"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown}, "end": {Code: tea.KeyEnd},
		"backspace": {Code: tea.KeyBackspace}, "ctrl+c": {Code: 'c', Mod: tea.ModCtrl}, "ctrl+z": {Code: 'z', Mod: tea.ModCtrl},
	}
	for _, k := range keys {
		if msg, ok := special[k]; ok {
			messages = append(messages, msg)
		} else {
			messages = append(messages, tea.KeyPressMsg{Code: rune(k[0]), Text: k})
		}
	}
	return messages
}

// text is what the model draws, without colours.
func text(m model) string { return ansi.Strip(m.View().Content) }

func has(t *testing.T, m model, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text(m), want) {
			t.Errorf("no %q in\n%s", want, text(m))
		}
	}
}

// rooms are those of the table, from top to bottom.
func rooms(m model) (names []string) {
	for _, line := range strings.Split(text(m), "\n") {
		for _, room := range []string{"BTC_USDT", "ETH_USDT", "EUR/USD", "NONE"} {
			if len(line) > 1 && strings.HasPrefix(line[1:], room) {
				names = append(names, room)
			}
		}
	}
	return names
}

func TestTheScreenShowsTheMarket(t *testing.T) {
	m := shown(t, &asks{}, market().picture(at(300*time.Millisecond)))
	has(t, m,
		"backbone watch  ws://127.0.0.1:8080  connected\n4 rooms  6/s  latency p50 2.0 ms, p99 2.0 ms  1,200 conflated\n",
		" BTC_USDT   ▼ 60300.10      +0.50%      3   0.3s       -   2.0 ms      +300.10",
		" ETH_USDT   ▼  2970.5       -1.00%      2   0.3s   1,200   2.0 ms        -30.0",
		" EUR/USD          1.08452   +0.00%      1   0.3s       -   2.0 ms      0.00000",
		" NONE         no last price is known\n",
	)
	drawn := m.View()
	if !drawn.AltScreen || drawn.WindowTitle != "backbone watch" {
		t.Errorf("alternate screen %v, title %q", drawn.AltScreen, drawn.WindowTitle)
	}
	if !strings.Contains(drawn.Content, "\x1b[31m▼") || !strings.Contains(drawn.Content, "\x1b[31m60300.10") {
		t.Errorf("a price that has just fallen is not red: %q", drawn.Content)
	}
	if later := then(m, market().picture(at(3*time.Second))).View().Content; strings.Contains(later, "\x1b[31m60300.10") {
		t.Error("it stays red")
	}
}

func TestOldPricesAreAmberThenRed(t *testing.T) {
	b := market()
	b.take(client.PriceUpdate{Instrument: "EUR/USD", Price: "1.1", Snapshot: true, Stamp: &client.Stamp{Epoch: "e", Age: 20 * time.Second}}, start0)
	b.take(client.PriceUpdate{Instrument: "NONE", Price: "5", Snapshot: true}, start0)
	content := shown(t, &asks{}, b.picture(at(0))).View().Content
	for _, want := range []string{"\x1b[33m    20s\x1b", ">0.0s"} {
		if !strings.Contains(content, want) {
			t.Errorf("no %q in %q", want, content)
		}
	}
	b.take(client.FeedStatus{Room: "BTC_USDT", Silent: true, Since: start0}, start0)
	content = shown(t, &asks{}, b.picture(at(45*time.Second))).View().Content
	for _, want := range []string{"\x1b[31m   65s!\x1b", "\x1b[33m    45s\x1b", "\x1b[31m   45s!\x1b"} {
		if !strings.Contains(content, want) {
			t.Errorf("no %q in %q", want, content)
		}
	}
}

func TestTheStateOfTheConnectionIsShown(t *testing.T) {
	b := market()
	b.take(client.BridgeStatus{Since: start0}, at(0))
	has(t, shown(t, &asks{}, b.picture(at(0))), "connected; no link to the other instances since "+start0.Format("15:04:05"))
	b.take(client.Disconnected{Err: errors.New("gone"), Attempt: 1}, at(time.Second))
	b.take(client.Disconnected{Err: errors.New("still gone"), Attempt: 4}, at(5*time.Second))
	has(t, shown(t, &asks{}, b.picture(at(9*time.Second))), "DISCONNECTED for 8.0s, attempt 4\n4 rooms", "\nstill gone\n")
	b.take(client.Connected{}, at(10*time.Second))
	b.take(client.Rejoined{Rooms: []string{"BTC_USDT"}, Rejected: []client.Rejected{{Room: "NONE", Code: protocol.CodeForbidden, Message: "not yours"}}}, at(11*time.Second))
	m := shown(t, &asks{}, b.picture(at(12*time.Second)))
	has(t, m, "8080  connected\n3 rooms", "NONE is refused: forbidden: not yours")
	if p := b.picture(at(0)); p.outages != 1 {
		t.Errorf("%d outages, want 1", p.outages)
	}
}

func TestAWrongClockIsTold(t *testing.T) {
	b := market()
	b.take(priced("BTC_USDT", "1", time.Second), at(0))
	has(t, shown(t, &asks{}, b.picture(at(0))), "the clock here is at least 1s behind that of an instance")
	b = newBoard(start0)
	b.add("A")
	b.take(client.PriceUpdate{Instrument: "A", Price: "1"}, start0)
	has(t, shown(t, &asks{}, b.picture(start0)), "no latency is known: the instance is older than stamps")
}

func TestKeysSortAndFilter(t *testing.T) {
	m := shown(t, &asks{}, market().picture(at(time.Second)))
	for key, want := range map[string]string{
		"j": "BTC_USDT ETH_USDT EUR/USD NONE", "n": "BTC_USDT ETH_USDT EUR/USD NONE", "c": "BTC_USDT EUR/USD NONE ETH_USDT",
		"u": "BTC_USDT ETH_USDT EUR/USD NONE", "k": "ETH_USDT BTC_USDT EUR/USD NONE", "g": "NONE BTC_USDT ETH_USDT EUR/USD",
	} {
		if got := strings.Join(rooms(then(m, press(key)...)), " "); got != want {
			t.Errorf("in the order of %s: %s, want %s", key, got, want)
		}
	}
	if got := strings.Join(rooms(then(m, press("n", "r")...)), " "); got != "NONE EUR/USD ETH_USDT BTC_USDT" {
		t.Errorf("turned round: %s", got)
	}
	m = then(m, press("/", "u", "s", "d", "t")...)
	has(t, m, "filter: usdt_", "2 of 4 rooms")
	if m = then(m, press("backspace", "enter", "s")...); len(rooms(m)) != 3 {
		t.Errorf("rooms %v", rooms(m))
	}
	has(t, m, "filter usd\n", "in order by name")
	if m = then(m, press("esc")...); len(rooms(m)) != 4 {
		t.Errorf("rooms %v after the filter", rooms(m))
	}
	has(t, then(m, press("/", "x", "enter")...), "no name has the text of the filter")
}

func TestAPauseKeepsThePicture(t *testing.T) {
	b := market()
	m := shown(t, &asks{}, b.picture(at(time.Second)))
	m = then(m, press("p")...)
	b.take(priced("BTC_USDT", "1.5", 0), at(2*time.Second))
	m = then(m, b.picture(at(2*time.Second)))
	has(t, m, "PAUSED at "+at(time.Second).Format("15:04:05"), "60300.10")
	m = then(then(m, press("p")...), b.picture(at(2*time.Second)))
	has(t, m, " 1.5 ")
}

func TestRoomsAreAddedAndRemoved(t *testing.T) {
	a := &asks{}
	m := then(shown(t, a, market().picture(at(time.Second))), press("d")...)
	has(t, m, "select a room first")
	m = then(m, press("down", "down", "d")...)
	if len(a.wishes) != 1 || a.wishes[0] != (wish{"ETH_USDT", true}) || m.selected != "EUR/USD" {
		t.Errorf("wishes %v, selected %s", a.wishes, m.selected)
	}
	m = then(m, press("a", "N", "E", "W")...)
	has(t, m, "join room: NEW_")
	m = then(m, append(press("a"), tea.PasteMsg{Content: "S ROOM\n"})...)
	m = then(m, press("backspace", "enter")...)
	if len(a.wishes) != 2 || a.wishes[1] != (wish{"NEWaS ROOM", false}) {
		t.Errorf("wishes %v", a.wishes)
	}
	m = then(m, press("a", " ", "x", "enter")...)
	has(t, m, "the name must not begin or end with a blank")
	a.full = true
	has(t, then(m, press("a", "y", "enter")...), "too many rooms at the same time")
	m = then(m, press("a", "z", "esc")...)
	if len(a.wishes) != 2 {
		t.Errorf("wishes %v", a.wishes)
	}
}

func TestTheDetailsOfARoom(t *testing.T) {
	b := market()
	b.take(client.Missed{Room: "BTC_USDT", Events: 5}, at(0))
	b.sample()
	m := then(shown(t, &asks{}, b.picture(at(time.Second))), press("enter")...)
	has(t, m, "── BTC_USDT ──", "▼ 60300.10  +300.10 (+0.50%) since 60000.00  low 60000.00  high 60600.00",
		"3 updates, 0/s  0 conflated  age 1.0s  latency 2.0 ms  5 missed without a connection",
		"ts 42  taken in "+start0.Format("15:04:05.000")+" as 7 of e", "60300.10 │", "1s ago")
	if strings.Contains(text(then(m, press("esc")...)), "since 60000.00") {
		t.Error("esc does not close the details")
	}
	has(t, then(m, press("end")...), "── NONE ──", "no last price is known\n0 updates")
}

func TestTheScreenFitsEachTerminal(t *testing.T) {
	b := newBoard(start0)
	for i := range 300 {
		room := fmt.Sprintf("INSTRUMENT_%d_币安", i)
		b.add(room)
		b.take(priced(room, fmt.Sprintf("%d.%d", i*i*i, i), 0), at(0))
	}
	for range 2 * historySize {
		b.sample()
	}
	for _, size := range []tea.WindowSizeMsg{{Width: 80, Height: 24}, {Width: 200, Height: 50}, {Width: 40, Height: 10}, {Width: 10, Height: 3}, {Width: 1, Height: 1}} {
		m := shown(t, &asks{}, b.picture(at(0)), size)
		for _, keys := range [][]string{nil, {"enter"}, {"end"}, {"?"}, {"?", "esc", "a"}} {
			m = then(m, press(keys...)...)
			lines := strings.Split(m.View().Content, "\n")
			if len(lines) != size.Height {
				t.Errorf("%v: %d lines after %v", size, len(lines), keys)
			}
			for _, line := range lines {
				if w := ansi.StringWidth(line); w > size.Width {
					t.Errorf("%v: %d columns: %q", size, w, line)
				}
			}
		}
	}
	m := then(shown(t, &asks{}, b.picture(at(0)), tea.WindowSizeMsg{Width: 80, Height: 24}), press("end")...)
	has(t, m, "300 rooms, 282-300", ">INSTRUMENT_299")
	first, _, _ := strings.Cut(text(then(shown(t, &asks{}, b.picture(at(0))), tea.WindowSizeMsg{Width: 80, Height: 24})), "\n")
	if strings.Contains(first, "…") {
		t.Errorf("the headline is cut: %s", first)
	}
}

func TestKeysQuitAndSuspend(t *testing.T) {
	for _, keys := range [][]string{{"q"}, {"ctrl+c"}, {"/", "ctrl+c"}, {"a", "ctrl+c"}} {
		m := shown(t, &asks{}, market().picture(at(0)))
		m = then(m, press(keys[:len(keys)-1]...)...)
		_, cmd := m.Update(press(keys[len(keys)-1])[0])
		if cmd == nil {
			t.Errorf("%v does not quit", keys)
		} else if _, quits := cmd().(tea.QuitMsg); !quits {
			t.Errorf("%v does something else", keys)
		}
	}
	if _, cmd := shown(t, &asks{}).Update(press("x")[0]); cmd != nil {
		t.Error("x does something")
	}
	has(t, then(shown(t, &asks{}, market().picture(at(0))), press("/", "q")...), "filter: q_")
	if m := then(shown(t, &asks{}), press("ctrl+z")...); m.said == "" { // where no shell is, it says so; else it stops
		if _, cmd := m.Update(press("ctrl+z")[0]); cmd == nil {
			t.Error("Ctrl-Z does nothing")
		}
	}
}
