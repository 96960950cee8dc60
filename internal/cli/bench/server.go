package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"backbone/internal/cli"
)

// ownServer is a server that a run started for itself: a process of its own, so that what
// it costs can be told from what the load costs.
type ownServer struct {
	url string
	pid int

	cmd    *exec.Cmd
	failed chan error    // has why it ended, once it has; for the run
	exited chan struct{} // closed once err is set
	err    error
}

// startOwnServer starts this program's serve on free ports. Its warnings go to s.Err.
func startOwnServer(ctx context.Context, s cli.Streams) (*ownServer, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "serve", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--log-format=json", "--log-level=info") //nolint:noctx // stop ends it, in an orderly way
	cmd.Args[0] = os.Args[0]
	cmd.SysProcAttr = apart()
	logs, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	o := &ownServer{pid: cmd.Process.Pid, cmd: cmd, failed: make(chan error, 1), exited: make(chan struct{})}
	listening := make(chan string, 1)
	go func() {
		defer close(o.exited)
		last := relay(logs, s, listening)
		if o.err = cmd.Wait(); o.err == nil {
			o.err = errors.New("it has stopped")
		}
		if last != "" {
			o.err = fmt.Errorf("%w: %s", o.err, last)
		}
		o.failed <- fmt.Errorf("the server for this run has ended: %w", o.err)
	}()
	select {
	case address := <-listening:
		o.url = "ws://" + address
		return o, nil
	case <-o.exited:
		return nil, fmt.Errorf("the server for this run did not start: %w", o.err)
	case <-ctx.Done():
		o.stop()
		return nil, ctx.Err()
	}
}

// relay reads the server's log and passes on warnings and errors. It returns the last line that
// is not a log line, which is the error that ended the server.
func relay(logs io.Reader, s cli.Streams, listening chan<- string) (last string) {
	for scan := bufio.NewScanner(logs); scan.Scan(); {
		var line struct{ Level, Msg, Listen string }
		switch err := json.Unmarshal(scan.Bytes(), &line); {
		case err != nil:
			last = scan.Text()
		case line.Msg == "listening" && line.Listen != "":
			listening <- line.Listen
		case line.Level != "INFO":
			s.Say("server: %s", scan.Text())
		}
	}
	return last
}

// stop ends the server and waits for it.
func (o *ownServer) stop() {
	_ = o.cmd.Process.Signal(os.Interrupt) // it may have ended
	const patience = 10 * time.Second
	force := time.AfterFunc(patience, func() { _ = o.cmd.Process.Kill() })
	defer force.Stop()
	<-o.exited
}
