package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"backbone/client"
	"backbone/internal/config"
	"backbone/internal/redistest"
	"backbone/internal/server"
	"backbone/internal/server/servertest"
	"backbone/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, redistest.ProxyLeaks()) }

// patience is how long a test waits for what must happen: twice the promise to heal.
const patience = 10 * time.Second

// instance is a server that a test runs on free ports.
type instance struct {
	*server.Running
	t testing.TB
}

func start(t testing.TB, change ...func(*config.Serve)) *instance {
	t.Helper()
	return &instance{servertest.Start(t, change...), t}
}

// lossless keeps a reader that gets no processor from counting as slow. A test that nothing is left
// out needs it, and stays below the limit in bytes.
func lossless(c *config.Serve) { c.MaxAge = 0 }

func (in *instance) get(path string) (status int, body string) {
	in.t.Helper()
	resp, err := http.Get("http://" + in.Addr().String() + path) //nolint:noctx // the server answers or its test fails
	if err != nil {
		in.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		in.t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	return resp.StatusCode, string(text)
}

// bridgeState waits until /readyz says that the bridge is in a state.
func (in *instance) bridgeState(want string) {
	in.t.Helper()
	in.eventually("the bridge is "+want, func() bool {
		var r struct{ Bridge string }
		_, body := in.get(protocol.PathReady)
		if err := json.Unmarshal([]byte(body), &r); err != nil {
			in.t.Fatal(err)
		}
		return r.Bridge == want
	})
}

// eventually asks again and again, since what is asked about tells nobody.
func (in *instance) eventually(what string, ok func() bool) {
	in.t.Helper()
	late := time.After(patience)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-late:
			in.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// consume joins rooms with a client that has place for many events.
func (in *instance) consume(rooms ...string) *client.Conn {
	in.t.Helper()
	c, err := client.Dial(in.t.Context(), in.URL(), &client.ConnOptions{Buffer: 1 << 17})
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { c.Close() })
	if err := c.Join(in.t.Context(), rooms...); err != nil {
		in.t.Fatal(err)
	}
	return c
}

func (in *instance) ingestor() *client.Ingestor {
	in.t.Helper()
	p, err := client.DialIngestor(in.t.Context(), in.URL(), nil)
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { p.Close() })
	return p
}

// publish sends prices from..to of an instrument; the price is the number itself.
func publish(t *testing.T, p *client.Ingestor, instrument string, from, to int) {
	t.Helper()
	for i := from; i <= to; i++ {
		if err := p.Publish(t.Context(), price(instrument, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// publishing sends prices from..to of each instrument, one of each in a millisecond, while the test goes on. Then
// the channel has the error, or nil.
func publishing(t *testing.T, p *client.Ingestor, from, to int, instruments ...string) <-chan error {
	t.Helper()
	always := make(chan struct{})
	close(always)
	return publishingAs(t, p, always, from, to, instruments...)
}

// publishingAs is publishing that sends a price whenever pace has something for it.
func publishingAs(t *testing.T, p *client.Ingestor, pace <-chan struct{}, from, to int, instruments ...string) <-chan error {
	t.Helper()
	published := make(chan error, 1)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for i := from; i <= to; i++ {
			<-tick.C
			for _, instrument := range instruments {
				<-pace
				if err := p.Publish(t.Context(), price(instrument, i)); err != nil {
					published <- err
					return
				}
			}
		}
		published <- p.Flush(t.Context())
	}()
	return published
}

// hearing paces a producer by what a consumer of the instance hears, so that the instance is never more than some
// prices behind, however busy the machine is.
func (in *instance) hearing(rooms ...string) (pace <-chan struct{}) {
	in.t.Helper()
	const ahead = 20
	heard := make(chan struct{}, ahead)
	for range ahead {
		heard <- struct{}{}
	}
	c := in.consume(rooms...)
	go func() { // ends when the test closes c
		for ev := range c.Events() {
			if _, ok := ev.(client.PriceUpdate); ok {
				select {
				case heard <- struct{}{}:
				default: // it came twice
				}
			}
		}
	}()
	return heard
}

func price(instrument string, n int) client.PriceUpdate {
	return client.PriceUpdate{Instrument: instrument, Price: client.Price(strconv.Itoa(n)), TS: int64(n)}
}

// tally is what a consumer heard of one room.
type tally struct {
	live, snapshots, skipped int
	last                     int // the newest price
}

// listen takes events until done says so. Prices must be in order, and none twice
// unless as a snapshot.
func listen(t *testing.T, c *client.Conn, done func(tally) bool) tally {
	t.Helper()
	return listenFrom(t, c, tally{}, done)
}

// listenFrom is listen that goes on where another one ended.
func listenFrom(t *testing.T, c *client.Conn, got tally, done func(tally) bool) tally {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for !done(got) {
		select {
		case e, ok := <-c.Events():
			if !ok {
				t.Fatalf("the connection ended: %v", c.Err())
			}
			got.take(t, e)
			late.Reset(patience)
		case <-late.C:
			t.Fatalf("nothing came for %v, and before only %+v", patience, got)
		}
	}
	return got
}

func (g *tally) take(t *testing.T, e client.Event) {
	t.Helper()
	switch e := e.(type) {
	case client.PriceUpdate:
		n, err := strconv.Atoi(e.Price.String())
		if err != nil {
			t.Fatal(err)
		}
		if n < g.last || n == g.last && !e.Snapshot {
			t.Fatalf("price %d (snapshot %v) came after %d", n, e.Snapshot, g.last)
		}
		g.last = n
		if e.Snapshot {
			g.snapshots++
		} else {
			g.live++
		}
	case client.Conflated:
		g.skipped += int(e.Skipped)
	case client.Disconnected:
		t.Fatalf("the consumer was disconnected: %v", e.Err)
	}
}

// maskedText is a short text message in a frame of a client.
func maskedText(text string) []byte {
	return append([]byte{0x81, byte(0x80 | len(text)), 0, 0, 0, 0}, text...)
}

// rawConsumer joins a room and never reads again unless the test does.
func (in *instance) rawConsumer(room string) net.Conn {
	in.t.Helper()
	return in.rawJoin(fmt.Sprintf(`{"type":"join","room":%q}`, room))
}

// rawJoin sends the text of a join and never reads unless the test does.
func (in *instance) rawJoin(join string) net.Conn {
	in.t.Helper()
	c, err := net.Dial("tcp", in.Addr().String())
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { c.Close() })
	_, err = io.WriteString(c, "GET /ws HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if err != nil {
		in.t.Fatal(err)
	}
	if _, err := c.Write(maskedText(join)); err != nil {
		in.t.Fatal(err)
	}
	return c
}
