package watch

import (
	"bytes"
	"context"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/internal/server"
	"backbone/internal/server/servertest"
)

// patience bounds every wait of a test; only a failing one uses it up.
const patience = 30 * time.Second

// eventually waits for a picture of a watcher for which ok is true.
func eventually(t *testing.T, w *watcher, ok func(picture) bool) picture {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case p, more := <-w.newest:
			if !more {
				t.Fatal("it ended")
			}
			if ok(p) {
				return p
			}
		case <-late:
			t.Fatalf("not seen; the board has %+v", w.board.picture(time.Now()))
		}
	}
}

// begin watches rooms of a server until the test ends.
func begin(t *testing.T, url string, rooms ...string) *watcher {
	t.Helper()
	conn, err := client.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	w := newWatcher(conn, client.JoinOptions{MarkEmpty: true, Status: true, Stamp: true}, time.Now())
	ended := make(chan error, 1)
	go func() { ended <- w.watch(ctx, rooms) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		conn.Close()
	})
	return w
}

func publish(t *testing.T, r *server.Running, room, price string) {
	t.Helper()
	ingestor, err := client.DialIngestor(t.Context(), r.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := ingestor.PublishAck(t.Context(), client.PriceUpdate{Instrument: room, Price: client.Price(price)}); err != nil {
		t.Error(err)
	}
	if err := ingestor.Close(); err != nil {
		t.Error(err)
	}
}

func TestAWatcherFollowsTheServer(t *testing.T) {
	r := servertest.Start(t)
	publish(t, r, "A", "1.50")
	w := begin(t, r.URL(), "A", "B")
	eventually(t, w, func(p picture) bool { return p.rows[0].price == "1.50" && p.rows[1].state == unknown })
	publish(t, r, "B", "2.25")
	p := eventually(t, w, func(p picture) bool { return p.rows[1].price == "2.25" })
	if b := p.rows[1]; b.updates != 1 || b.latency == 0 || b.stamp.Seq == 0 || p.events != 1 {
		t.Errorf("row %+v of %d events", b, p.events)
	}
	publish(t, r, "NEW", "3")
	if !w.ask("NEW", false) || !w.ask("A", true) {
		t.Fatal("no place for a wish")
	}
	eventually(t, w, func(p picture) bool { return len(p.rows) == 2 && p.rows[1].room == "NEW" && p.rows[1].price == "3" })
	w.ask("NEW", false)
	eventually(t, w, func(p picture) bool { return p.notice == "NEW is there already" })
}

// The server gives no more than was asked for, and always the last.
func TestFewerPricesCanBeWatched(t *testing.T) {
	r := servertest.Start(t)
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	ingestor, err := client.DialIngestor(ctx, r.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ingestor.Close()
	const prices = 500
	var screen strings.Builder
	seen := false
	out := cli.WriterFunc(func(b []byte) error {
		screen.Write(b)
		switch text := screen.String(); {
		case !seen && strings.Contains(text, "no last price"): // it is joined
			seen = true
			for i := range prices {
				if err := ingestor.PublishAck(ctx, client.PriceUpdate{Instrument: "A", Price: client.Price(strconv.Itoa(70000 + i))}); err != nil {
					t.Error(err)
				}
			}
		case strings.Contains(text, "70499"):
			stop()
		}
		return nil
	})
	var said bytes.Buffer
	c := Cmd{Rooms: []string{"A"}, Sort: "name", Aging: time.Second, Stale: time.Second, MaxRate: 1, Access: cli.Access{Connection: cli.Connection{URLs: []string{r.URL()}}}}
	c.ConnectTimeout = time.Second
	if err := c.show(ctx, cli.Streams{In: strings.NewReader(""), Out: out, Err: &said}, tea.WithWindowSize(80, 24)); err != nil || !strings.Contains(screen.String(), "at most 1/s each") {
		t.Errorf("error %v, screen %q", err, &screen)
	}
	if !regexp.MustCompile(`^watched 1 room for .*: [2-9] updates .*, 49[0-8] conflated`).MatchString(said.String()) {
		t.Errorf("said %s", &said)
	}
	if c.MaxRate = 1e9; c.Validate() == nil {
		t.Error("a rate that no server takes is not refused")
	}
}

func TestNamesNearToAMisspeltOneAreTold(t *testing.T) {
	r := servertest.Start(t)
	publish(t, r, "BTC_USDT", "1.50")
	w := begin(t, r.URL(), "BTC_USDX")
	eventually(t, w, func(p picture) bool { return p.notice == "BTC_USDX: nothing is known of it: did you mean BTC_USDT?" })
}

func TestWithoutNamesAllRoomsAreWatched(t *testing.T) {
	r := servertest.Start(t)
	publish(t, r, "A", "1.50")
	w := begin(t, r.URL())
	eventually(t, w, func(p picture) bool { return len(p.rows) == 1 && p.rows[0].price == "1.50" })
	publish(t, r, "NEW", "3")
	eventually(t, w, func(p picture) bool { return len(p.rows) == 2 && p.rows[1].price == "3" })
	w.ask("A", true)
	eventually(t, w, func(p picture) bool { return len(p.rows) == 1 && p.rows[0].room == "NEW" })
}

func TestAServerWithoutListsIsWatchedByNames(t *testing.T) {
	r := servertest.Start(t, func(c *config.Serve) { c.RoomList = "off" })
	w := begin(t, r.URL())
	p := eventually(t, w, func(p picture) bool { return p.notice != "" })
	if !strings.HasPrefix(p.notice, "the server does not join all rooms: ") {
		t.Errorf("notice %s", p.notice)
	}
	w.ask("A", false)
	eventually(t, w, func(p picture) bool { return len(p.rows) == 1 && p.rows[0].state == unknown })
}

func TestRefusedRoomsAreToldAndAllOfThemEndIt(t *testing.T) {
	r := servertest.Start(t, func(c *config.Serve) { c.MaxRooms = 1 })
	w := begin(t, r.URL(), "A", "B")
	p := eventually(t, w, func(p picture) bool { return len(p.rows) == 1 })
	if p.rows[0].room != "A" || !strings.HasPrefix(p.notice, "B is refused: too_many_rooms: ") {
		t.Errorf("rows %+v, notice %s", p.rows, p.notice)
	}
}

// A screen that shows nothing must not hold up the reading: the server would take this client for slow.
func TestAPictureThatNobodyTakesHoldsUpNothing(t *testing.T) {
	w := begin(t, servertest.Start(t).URL(), "A")
	eventually(t, w, func(p picture) bool { return p.rows[0].state == unknown })
	late := time.After(patience)
	for over := time.After(5 * redrawEvery); over != nil; { // some pictures are made
		select {
		case w.asked <- wish{"A", false}:
		case <-over:
			over = nil
		case <-late:
			t.Fatal("nothing is read any more")
		}
	}
	for range 2 * wishesAtOnce {
		select {
		case w.asked <- wish{"A", false}:
		case <-late:
			t.Fatal("nothing is read any more")
		}
	}
}

func TestTheCommandShowsAndSumsUp(t *testing.T) {
	r := servertest.Start(t)
	publish(t, r, "BTC_USDT", "60000")
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	var screen, said bytes.Buffer // of the renderer, and of the command once that has ended
	seen := false
	out := cli.WriterFunc(func(b []byte) error {
		screen.Write(b)
		if !seen && strings.Contains(screen.String(), "60000") {
			seen = true
			stop()
		}
		return nil
	})
	c := Cmd{Rooms: []string{"BTC_USDT", "BTC_USDT"}, Sort: "name", Aging: time.Second, Stale: time.Second, Access: cli.Access{Connection: cli.Connection{URLs: []string{r.URL() + "?key=a-secret"}}}}
	c.ConnectTimeout = patience
	if err := c.show(ctx, cli.Streams{In: strings.NewReader(""), Out: out, Err: &said}, tea.WithWindowSize(80, 24)); err != nil || !seen {
		t.Errorf("error %v, screen %q", err, &screen)
	}
	if strings.Contains(screen.String(), "a-secret") || !strings.Contains(screen.String(), r.URL()+"?...") {
		t.Errorf("the screen shows the URL's query: %q", &screen)
	}
	if !strings.HasPrefix(said.String(), "watched 1 room for ") {
		t.Errorf("said %s", &said)
	}
	c.URLs, c.ConnectTimeout = []string{"ws://127.0.0.1:1"}, time.Second
	if code := cli.Finish(cli.Streams{Err: &said}, c.show(t.Context(), cli.Streams{Out: out, Err: &said})); code != cli.ExitConnect {
		t.Errorf("exit code %d without a server", code)
	}
}

func TestTheSummary(t *testing.T) {
	b := market()
	b.take(client.Disconnected{Err: context.DeadlineExceeded}, at(0))
	got := strings.Join(summary(b.picture(at(2*time.Second))), "\n")
	want := `watched 4 rooms for 2s: 6 updates (3/s), 1,200 conflated, 1 lost connection, and no connection at the end: context deadline exceeded
  ETH_USDT    -1.00%  3000.5 -> 2970.5, 2 updates
  BTC_USDT    +0.50%  60000.00 -> 60300.10, 3 updates`
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestARetiredPriceIsForgotten(t *testing.T) {
	b := market()
	b.take(client.Retired{Instrument: "BTC_USDT"}, at(0))
	has(t, shown(t, &asks{}, b.picture(at(0))), " BTC_USDT     retired: it has no price any more")
	b.take(priced("BTC_USDT", "5", 0), at(0))
	if r := b.rows["BTC_USDT"]; r.first != "5" || r.updates != 4 || len(r.history) != 0 {
		t.Errorf("row %+v", r)
	}
}

// A row's history is read by the screen while the board goes on.
func TestAPictureDoesNotChange(t *testing.T) {
	b := market()
	p := b.picture(at(0))
	for range 3 * historySize {
		b.take(priced("BTC_USDT", "7", 0), at(0))
		b.sample()
		if n := len(b.rows["BTC_USDT"].history); n > 2*historySize {
			t.Fatalf("history of %d points", n)
		}
	}
	if h := p.rows[0].history; len(h) != 1 || h[0] != "60300.10" || p.rows[0].price != "60300.10" {
		t.Errorf("row %+v", p.rows[0])
	}
}

// Prices that are too near to the one shown change nothing but the counts and the age.
func TestOnlyPricesThatAreFarEnoughAreShown(t *testing.T) {
	b := newBoard(at(0))
	b.filter = client.NewChangeFilter("0.5")
	b.add("A")
	for i, c := range []struct{ price, shown string }{{"100", "100"}, {"100.4", "100"}, {"99.6", "100"}, {"100.5", "100.5"}, {"100.9", "100.5"}, {"101.0", "101.0"}} {
		b.take(priced("A", c.price, 0), at(time.Duration(i)*time.Second))
		if r := b.rows["A"]; string(r.price) != c.shown || r.updates != uint64(i+1) || r.received != at(time.Duration(i)*time.Second) {
			t.Errorf("%s: row %+v, want %s", c.price, r, c.shown)
		}
	}
	b.take(client.Retired{Instrument: "A"}, at(0))
	if b.take(priced("A", "101.1", 0), at(0)); b.rows["A"].price != "101.1" {
		t.Errorf("after it was retired: %+v", b.rows["A"])
	}
	b.take(priced("A", "101.2", 0), at(0))
	if r := b.rows["A"]; r.price != "101.1" {
		t.Errorf("row %+v", r)
	}
	if err := (&Cmd{MinChange: "0"}).Validate(); err == nil || !strings.HasPrefix(err.Error(), "--min-change ") {
		t.Errorf("a change of 0: %v", err)
	}
}
