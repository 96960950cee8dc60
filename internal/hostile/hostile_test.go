//go:build hostile && unix

package hostile

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"backbone/client"
	"backbone/internal/proctest"
	"backbone/internal/secrettest"
)

// patience bounds every wait of a test; only a failing one uses it up.
const patience = 30 * time.Second

var program string // path of what is tried; set by TestMain alone

// TestMain builds the program, which looks for data races.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "hostile")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "backbone")
	if out, err := exec.Command("go", "build", "-race", "-o", program, "backbone/cmd/backbone").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("go build: %v\n%s", err, out))
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// instance is a running server whose log goes to a pipe.
type instance struct {
	t          *testing.T
	cmd        *exec.Cmd
	log        *proctest.Pipe
	addr       string // of --listen
	url, admin string // ws://..., http://...
}

// serve starts an instance with JSON lines as its log. Before is run by the shell that
// becomes the server, such as "ulimit -n 100;".
func serve(t *testing.T, before string, args ...string) *instance {
	t.Helper()
	in := &instance{t: t, log: proctest.NewPipe(t)}
	args = append([]string{"-c", before + ` exec "$@"`, "sh", program, "serve", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--log-format=json"}, args...)
	in.cmd = exec.Command("bash", args...)
	in.cmd.Stderr, in.log.Secrets = in.log.W, secrettest.Args("", args)
	in.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	if err := proctest.Begin(in.cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = in.cmd.Process.Kill(), in.cmd.Wait() })
	var line struct{ Listen, Admin string }
	if err := json.Unmarshal([]byte(in.log.Line(`"listen":`)), &line); err != nil {
		t.Fatal(err)
	}
	in.addr, in.url, in.admin = line.Listen, "ws://"+line.Listen, "http://"+line.Admin
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return in
}

// signal sends a signal to the server.
func (in *instance) signal(s syscall.Signal) {
	in.t.Helper()
	if err := in.cmd.Process.Signal(s); err != nil {
		in.t.Fatal(err)
	}
}

// stops sends SIGTERM and expects a clean end within the time.
func (in *instance) stops(within time.Duration) {
	in.t.Helper()
	in.signal(syscall.SIGTERM)
	late := time.AfterFunc(within, func() { _ = in.cmd.Process.Kill() })
	err := in.cmd.Wait()
	if !late.Stop() {
		in.t.Fatalf("it did not end within %v", within)
	}
	if err != nil {
		in.t.Errorf("it ended with %v", err)
	}
}

// publishes sends a price and waits for its acknowledgement.
func (in *instance) publishes(instrument string) {
	in.t.Helper()
	ctx, stop := context.WithTimeout(in.t.Context(), patience)
	defer stop()
	ingestor, err := client.DialIngestor(ctx, in.url, nil)
	if err != nil {
		in.t.Fatal(err)
	}
	defer ingestor.CloseNow()
	pending, err := ingestor.PublishAsync(ctx, client.PriceUpdate{Instrument: instrument, Price: "1", TS: 1})
	if err == nil {
		err = pending.Wait(ctx)
	}
	if err != nil {
		in.t.Fatalf("a price is not accepted: %v", err)
	}
}

// metric is the value of a metric without labels, as the server writes it.
func (in *instance) metric(name string) string {
	in.t.Helper()
	_, rest, found := strings.Cut(in.get(in.admin+"/metrics"), "\n"+name+" ")
	if !found {
		in.t.Fatalf("there is no metric %s", name)
	}
	value, _, _ := strings.Cut(rest, "\n")
	return value
}
