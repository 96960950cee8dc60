//go:build hostile && unix

package hostile

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"backbone/client"
	"backbone/internal/redistest"
)

// offsetSource adds to the package time a wall clock that a test can set: the seconds in a file
// that WALL_OFFSET names. Nobody can set a machine's clock for one program, and only for root.
const offsetSource = `package time

import "syscall"

var wallOffsetBytes = func() []byte {
	name, ok := syscall.Getenv("WALL_OFFSET")
	if !ok {
		return make([]byte, 8)
	}
	fd, err := syscall.Open(name, syscall.O_RDONLY, 0)
	if err != nil {
		panic("WALL_OFFSET cannot be opened")
	}
	b, err := syscall.Mmap(fd, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic("WALL_OFFSET cannot be mapped")
	}
	return b
}()

func wallOffset() (sec int64) {
	for i := 7; i >= 0; i-- {
		sec = sec<<8 | int64(wallOffsetBytes[i])
	}
	return sec
}
`

// withWallClock builds the program so that its wall clock can be set.
func withWallClock(t *testing.T) (program string) {
	t.Helper()
	dir := t.TempDir()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	original := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	source, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	const begin = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	if !strings.Contains(string(source), begin) {
		t.Fatalf("time.Now of %s does not begin as it did: adapt this test", runtime.Version())
	}
	files := map[string]string{
		"time.go":   strings.Replace(string(source), begin, begin+"\tsec += wallOffset()\n", 1),
		"offset.go": offsetSource,
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		original: filepath.Join(dir, "time.go"),
		filepath.Join(filepath.Dir(original), "walloffset.go"): filepath.Join(dir, "offset.go"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(dir, "backbone")
	if out, err := exec.Command("go", "build", "-overlay", list, "-o", program, "backbone/cmd/backbone").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// wallClock is the wall clock of one instance.
type wallClock struct {
	t    *testing.T
	file *os.File
}

func newWallClock(t *testing.T) *wallClock {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "offset"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	w := &wallClock{t, f}
	w.set(0)
	return w
}

// set sets the clock to what is right and an offset.
func (w *wallClock) set(offset time.Duration) {
	w.t.Helper()
	if _, err := w.file.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(int64(offset.Seconds()))), 0); err != nil {
		w.t.Fatal(err)
	}
}

// watcher is a consumer that looks whether a feed is silent.
type watcher struct {
	t    *testing.T
	conn *client.Conn
}

func (in *instance) watches(room string) watcher {
	in.t.Helper()
	ctx, stop := context.WithTimeout(in.t.Context(), patience)
	defer stop()
	c, err := client.Dial(ctx, in.url, nil)
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { c.Close() })
	if err := c.JoinWith(ctx, client.JoinOptions{Status: true, Stamp: true, MarkEmpty: true}, room); err != nil {
		in.t.Fatal(err)
	}
	return watcher{in.t, c}
}

// until returns the first event that is of interest.
func (w watcher) until(what string, is func(client.Event) bool) client.Event {
	w.t.Helper()
	late := time.After(patience)
	for {
		select {
		case e := <-w.conn.Events():
			if is(e) {
				return e
			}
		case <-late:
			w.t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (w watcher) feed(silent bool) client.FeedStatus {
	w.t.Helper()
	e := w.until(fmt.Sprintf("silent %t", silent), func(e client.Event) bool { s, ok := e.(client.FeedStatus); return ok && s.Silent == silent })
	return e.(client.FeedStatus) //nolint:forcetypeassert // it was asked for
}

func (w watcher) price(snapshot bool) client.PriceUpdate {
	w.t.Helper()
	e := w.until("a price", func(e client.Event) bool { p, ok := e.(client.PriceUpdate); return ok && p.Snapshot == snapshot })
	return e.(client.PriceUpdate) //nolint:forcetypeassert // it was asked for
}

// of is the instance in a subtest.
func (in *instance) of(t *testing.T) *instance { return &instance{t: t, url: in.url} }

// staysYoung joins a room and looks at the age of its price.
func staysYoung(t *testing.T, in *instance, room string) {
	t.Helper()
	if p := in.watches(room).price(true); p.Stamp == nil || p.Stamp.Age > time.Minute {
		t.Errorf("the snapshot after the step has the stamp %+v", p.Stamp)
	}
}

// silence expects to be told of it a time after the last price, by a clock that is off.
func (w watcher) silence(last time.Time, after, offset time.Duration) {
	w.t.Helper()
	status := w.feed(true)
	if took := time.Since(last); took < after-time.Second || took > after+5*time.Second {
		w.t.Errorf("silence is told %v after the last price, want %v", took, after)
	}
	if off := status.Since.Sub(last.Add(offset)); off < -2*time.Second || off > 5*time.Second {
		w.t.Errorf("silent since %v, want %v", status.Since, last.Add(offset))
	}
}

// The wall clock of an instance is set by an hour, with and without Redis. Silence is told in
// time, prices of all instances arrive, and snapshots are as old as they are.
func TestAWallClockThatIsSet(t *testing.T) {
	const ttl = 3 * time.Second
	path := withWallClock(t)
	redis := redistest.Start(t)
	start := func(w *wallClock, args ...string) *instance {
		before := fmt.Sprintf(`export WALL_OFFSET=%q; shift; set -- %q "$@";`, w.file.Name(), path)
		return serve(t, before, append(args, "--last-price-ttl=3s")...)
	}
	aloneClock, aClock := newWallClock(t), newWallClock(t)
	alone := start(aloneClock)
	a, b := start(aClock, "--redis-url="+redis.URL()), start(newWallClock(t), "--redis-url="+redis.URL())
	for _, in := range []*instance{a, b} {
		in.log.Line("connected to redis") // from here on prices cross as live ones
	}
	for n, offset := range []time.Duration{time.Hour, 0, -time.Hour, 0} {
		room := fmt.Sprint("R", n)
		t.Run(fmt.Sprintf("alone, off by %v", offset), func(t *testing.T) {
			in := alone.of(t)
			here := in.watches(room)
			in.publishes(room)
			here.price(false)
			published := time.Now()
			aloneClock.set(offset)
			staysYoung(t, in, room)
			here.silence(published, ttl, offset)
			in.publishes(room)
			here.price(false)
			here.feed(false)
		})
		t.Run(fmt.Sprintf("of two, off by %v", offset), func(t *testing.T) {
			a, b := a.of(t), b.of(t)
			here, there := a.watches(room), b.watches(room)
			for _, w := range []watcher{here, there} { // else the read could bring the price, as no live one
				w.until("no snapshot", func(e client.Event) bool { _, ok := e.(client.NoSnapshot); return ok })
			}
			a.publishes(room)
			here.price(false)
			there.price(false)
			aClock.set(offset)
			var published time.Time
			for _, from := range []*instance{b, a, b, a} {
				published = time.Now()
				from.publishes(room)
				here.price(false)
				there.price(false)
			}
			staysYoung(t, a, room) // of a price from elsewhere the age goes by both clocks
			here.silence(published, ttl, offset)
			there.silence(published, ttl, 0)
		})
	}
	alone.stops(patience)
	a.stops(patience)
	b.stops(patience)
}
