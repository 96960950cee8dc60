package chaos

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"backbone/internal/proctest"
	"backbone/protocol"
)

// build builds the program and returns its path. It looks for data races if the tests do.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backbone")
	args := []string{"build", "-o", path}
	if race {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "backbone/cmd/backbone")...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// instance is a "backbone serve" that is killed, frozen and started again on one
// address. Its methods are for the goroutine of the test.
type instance struct {
	t     *testing.T
	path  string
	args  []string
	name  string
	addr  string
	life  atomic.Int64 // counts the starts
	run   *proctest.Process
	cold  bool // frozen
	began int  // round in which it was last started
	died  int  // round in which it was last killed

	// Owned by whoever reads the process's output, by the test when none runs.
	log []string
}

// kept is how many lines of its log an instance that is part of a failure shows.
const kept = 60

func newInstance(t *testing.T, path, name, redis string, ttl time.Duration) *instance {
	t.Helper()
	in := &instance{t: t, path: path, name: name}
	in.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(proctest.FreePort(t)))
	in.args = []string{"serve", "--listen", in.addr, "--admin-listen", "", "--redis-url", redis,
		"--last-price-ttl", ttl.String(), "--drain-timeout", "1s"}
	in.start(0)
	t.Cleanup(func() {
		in.stop()
		if t.Failed() {
			t.Logf("%s at the end:\n%s", in.name, strings.Join(in.log[max(0, len(in.log)-kept):], "\n"))
		}
	})
	return in
}

func (in *instance) url() string { return "ws://" + in.addr }

func (in *instance) start(round int) {
	in.t.Helper()
	cmd := exec.Command(in.path, in.args...)
	cmd.Env = append(os.Environ(), "GORACE=halt_on_error=1 atexit_sleep_ms=0")
	run, err := proctest.Start(cmd, `"msg":"listening"`, func(line []byte) { in.log = append(in.log, string(line)) })
	if err != nil {
		in.t.Fatal(err)
	}
	in.run, in.began = run, round
	in.life.Add(1)
}

// kill ends the process with SIGKILL.
func (in *instance) kill(round int) {
	in.t.Helper()
	in.alive()
	in.run.Kill()
	if err := in.run.Err(); err == nil || err.Error() != "signal: killed" {
		in.t.Errorf("%s was killed and ended with: %v", in.name, err)
	}
	in.run, in.cold, in.died = nil, false, round
}

// alive fails the test if the process has ended by itself.
func (in *instance) alive() {
	in.t.Helper()
	select {
	case <-in.run.Ended():
		in.t.Fatalf("%s ended by itself: %v", in.name, in.run.Err())
	default:
	}
}

// serves reports whether clients have anything to expect.
func (in *instance) serves() bool { return in.run != nil && !in.cold }

func (in *instance) freeze() { in.t.Helper(); in.signal(proctest.Freeze); in.cold = true }
func (in *instance) thaw()   { in.t.Helper(); in.signal(proctest.Thaw); in.cold = false }

func (in *instance) signal(s syscall.Signal) {
	in.t.Helper()
	if err := in.run.Signal(s); err != nil {
		in.t.Fatal(err)
	}
}

// stop ends the process as an operator does, and expects that it does not complain.
func (in *instance) stop() {
	switch {
	case in.run == nil:
		return
	case in.cold: // the test has failed
		in.run.Kill()
	default:
		_ = in.run.Signal(syscall.SIGTERM) // it may have ended
		forced := time.AfterFunc(patience, in.run.Kill)
		defer forced.Stop()
		if err := in.run.Err(); err != nil {
			in.t.Errorf("%s ended with: %v", in.name, err)
		}
	}
	in.run = nil
}

// linked waits until the instance and its Redis hear each other.
func (in *instance) linked() {
	in.t.Helper()
	var body string
	ok := eventually(func() bool {
		var said struct {
			Bridge string `json:"bridge"`
		}
		body = get("http://" + in.addr + protocol.PathReady)
		return json.Unmarshal([]byte(body), &said) == nil && said.Bridge == "ok"
	})
	if !ok {
		in.t.Fatalf("%s is not linked after %v: %s", in.name, patience, body)
	}
}

func get(url string) string {
	c := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get(url)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	var b strings.Builder
	if err := resp.Write(&b); err != nil {
		return err.Error()
	}
	_, body, _ := strings.Cut(b.String(), "\r\n\r\n")
	return body
}

// eventually asks again and again, since what is asked about tells nobody.
func eventually(ok func() bool) bool {
	late := time.After(patience)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-late:
			return false
		}
	}
	return true
}
