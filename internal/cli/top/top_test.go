package top

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	sdk "backbone/client"
	"backbone/internal/cli"
	"backbone/internal/cli/clitest"
	"backbone/internal/config"
	"backbone/internal/overview"
	"backbone/internal/server/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs the command with flags.
func run(t *testing.T, args ...string) (code int, out, said string) {
	t.Helper()
	var o, e bytes.Buffer
	code = clitest.Run(t.Context(), t, &Cmd{}, cli.Streams{Out: &o, Err: &e}, args...)
	return code, o.String(), e.String()
}

func TestOnce(t *testing.T) {
	var urls []string
	for _, name := range []string{"blue", "green"} {
		in := servertest.Start(t, func(c *config.Serve) { c.InstanceName = name })
		urls = append(urls, "http://"+in.AdminAddr().String())
		c, err := sdk.Dial(t.Context(), in.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.Join(t.Context(), "BTC_USDT", name); err != nil {
			t.Fatal(err)
		}
	}
	code, out, said := run(t, "--once", "--json", "--admin-url", strings.Join(urls, ","))
	var got picture
	if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil {
		t.Fatalf("code %d, %v, %s", code, err, said)
	}
	if len(got.Instances) != 2 || got.Instances[1].Instance != "green" || got.Instances[0].Consumers != 1 || got.Instances[0].Status != "ready" || got.Instances[0].Bridge != "off" {
		t.Errorf("instances: %+v", got.Instances)
	}
	if len(got.Clients) != 2 || got.Clients[0].Rooms != 2 || len(got.Rooms) != 3 || got.Rooms[0].Room != "BTC_USDT" || got.Rooms[0].Members != 2 {
		t.Errorf("clients %+v, rooms %+v", got.Clients, got.Rooms)
	}
	code, out, _ = run(t, "--once", "--filter", "gree", "--admin-url", strings.Join(urls, ","))
	if code != 0 || strings.Contains(out, "consumer@blue") || !strings.Contains(out, "consumer@green") || strings.Count(out, "2 clients, 0 slow") != 1 || strings.Count(out, "INSTANCE") != 1 || strings.Contains(out, "\x1b") {
		t.Errorf("code %d, filtered:\n%s", code, out)
	}
	// One of several that does not answer takes nothing from the others.
	code, out, said = run(t, "--once", "--admin-url", urls[0]+",http://127.0.0.1:1")
	if code != cli.ExitFailed || !strings.Contains(out, "blue") || !strings.Contains(out, "127.0.0.1:1 cannot reach") || !strings.Contains(said, "cannot reach http://127.0.0.1:1") {
		t.Errorf("code %d, %s\n%s", code, said, out)
	}
}

func TestRefusedLooks(t *testing.T) {
	status := http.StatusUnauthorized
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer s.Close()
	if code, _, said := run(t, "--once", "--admin-url", s.URL); code != cli.ExitFailed || !strings.Contains(said, "asks for a token: set --admin-token-file") {
		t.Errorf("without a token: %d %s", code, said)
	}
	status = http.StatusMisdirectedRequest
	if _, _, said := run(t, "--once", "--admin-url", s.URL); !strings.Contains(said, "give --admin-url its IP address") {
		t.Errorf("by another name: %s", said)
	}
	status = http.StatusNotFound
	if _, _, said := run(t, "--once", "--admin-url", s.URL); !strings.Contains(said, "is it an admin address") {
		t.Errorf("at another address: %s", said)
	}
	if code, _, said := run(t, "--admin-url", s.URL); code != cli.ExitUsage || !strings.Contains(said, "use --once") {
		t.Errorf("in a pipe: %d %s", code, said)
	}
	if code, _, said := run(t, "--sort=x"); code == cli.ExitDone || !strings.Contains(said, `--sort must be one of "age","queued","conflated","rooms"`) {
		t.Errorf("in no order: %d %s", code, said)
	}
	for flags, want := range map[string]string{
		"--json": "--json needs --once", "--limit=0": "--limit must be from 1", "--interval=1ms": "--interval must be at least", "--admin-url=host:1": "--admin-url must be like",
	} {
		c := Cmd{Admin: cli.Admin{URLs: []string{"http://127.0.0.1:8081"}}, Sort: "age", Limit: 1, Interval: time.Second}
		switch flags {
		case "--json":
			c.JSON = true
		case "--limit=0":
			c.Limit = 0
		case "--interval=1ms":
			c.Interval = time.Millisecond
		default:
			c.URLs = []string{"host:1"}
		}
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", flags, err, want)
		}
	}
}

// The slow ones are on top, whatever the order, and say why.
func TestSlowClientsAreOnTop(t *testing.T) {
	p := &picture{at: time.Now(), Instances: []instance{{Instance: "blue", Status: "ready", Bridge: "off", Slow: 3}}}
	for _, c := range []overview.Client{
		{Address: "1", Rooms: 900, Conflated: 7000, AgeMS: 400},
		{Address: "2", Rooms: 1, AgeMS: 700},
		{Address: "3", Lags: "bytes", Queued: 300 << 10, Conflated: 12},
		{Address: "4", WaitingMS: 3200, Waits: 2},
	} {
		c.Judge()
		p.Clients = append(p.Clients, client{"blue", c})
	}
	for order, first := range map[string]string{"age": "4 2 3 1", "queued": "3 2 4 1", "conflated": "3 2 4 1", "rooms": "2 3 4 1"} {
		sortClients(p.Clients, order)
		var got []string
		for _, c := range p.Clients {
			got = append(got, c.Address)
		}
		if strings.Join(got, " ") != first {
			t.Errorf("by %s: %v, want %s", order, got, first)
		}
	}
	text := strings.Join(newTable(p, wish{sort: "age"}).lines(time.Now()), "\n")
	for _, want := range []string{"its socket takes nothing (3.2s)", "reads prices 700ms old", "gets only newest prices: too much waited", "300 KiB", "7,000"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// Behind a proxy clients of several instances have one address, without a port.
func TestClientsOfOneAddressStayWithTheirInstances(t *testing.T) {
	clients := []client{
		{"blue", overview.Client{Address: "203.0.113.9", Rooms: 1}},
		{"green", overview.Client{Address: "203.0.113.9", Rooms: 2}},
		{"blue", overview.Client{Address: "203.0.113.9", Rooms: 3}},
	}
	sortClients(clients, "rooms")
	var got []string
	for _, c := range clients {
		got = append(got, fmt.Sprint(c.Instance, c.Rooms))
	}
	if text := strings.Join(got, " "); text != "blue3 green2 blue1" {
		t.Errorf("got %s", text)
	}
}

func TestAnInstanceThatIsBehindIsNamed(t *testing.T) {
	value := func(version string) []overview.Value {
		return []overview.Value{{Version: version, Payload: "event " + version}}
	}
	got := merge([]overview.Rooms{
		{Instance: "blue", Rooms: []overview.Room{{Room: "B", Members: 1, Values: value("02")}, {Room: "A", Members: 4}}},
		{Instance: "green", Rooms: []overview.Room{{Room: "B", Members: 2, Values: value("01")}}},
	}, 10)
	if len(got) != 2 || got[0].Room != "A" || got[1].Members != 3 || got[1].Version != "02" || len(got[1].Behind) != 1 || got[1].Behind[0] != "green" {
		t.Errorf("got %+v", got)
	}
	p := &picture{Instances: []instance{{Instance: "blue"}}, Rooms: got}
	tab := newTable(p, wish{sort: "age"})
	if !tab.key("tab") || !strings.Contains(strings.Join(tab.lines(time.Now()), "\n"), "older on green") {
		t.Error("the rooms do not say so")
	}
}

func TestKeys(t *testing.T) {
	tab := newTable(&picture{}, wish{sort: "age"})
	for _, key := range []string{"u", "/", "b", "q", "backspace", "2", "enter"} {
		if !tab.key(key) {
			t.Errorf("%s is not taken", key)
		}
	}
	if w := *tab.wish.Load(); w.sort != "queued" || w.filter != "b2" {
		t.Errorf("wished for %+v", w)
	}
	if tab.key("q") {
		t.Error("q does not quit")
	}
	if tab.key("/"); !tab.key("esc") || tab.wish.Load().filter != "" {
		t.Error("esc does not clear the filter")
	}
	if len(tab.wished) != 1 {
		t.Error("a changed wish starts no look")
	}
}

func TestAnErrorDoesNothingToATerminal(t *testing.T) {
	one := instance{URL: "http://a", Error: "it answers \x1b[31m", failed: errors.New("it")}
	p := &picture{Instances: []instance{one}}
	if text := strings.Join(instanceLines(p, p), "\n"); !strings.Contains(text, "it answers \ufffd[31m") {
		t.Errorf("%q", text)
	}
}
