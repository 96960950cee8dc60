package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"backbone/internal/proctest"
)

// watching is a watch in a terminal of 80 columns and 24 lines.
type watching struct {
	t    *testing.T
	cmd  *exec.Cmd
	main *os.File // the terminal's other end, which is read without waiting
	tty  *os.File
	seen bytes.Buffer
}

// watches starts a watch of BTC_USDT, and waits until it shows its price.
func watches(t *testing.T, env ...string) *watching {
	t.Helper()
	log := proctest.NewPipe(t)
	_, url, _ := instance(t, log)
	publishes(t, url)
	w := &watching{t: t}
	w.main, w.tty = openTerminal(t)
	t.Cleanup(func() { w.main.Close(); w.tty.Close() })
	if err := unix.IoctlSetWinsize(int(w.tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	w.cmd = command("watch", "BTC_USDT", "--url", url)
	w.cmd.Env = append(w.cmd.Env, append([]string{"TERM=xterm-256color"}, env...)...)
	w.cmd.Stdin, w.cmd.Stdout, w.cmd.Stderr = w.tty, w.tty, w.tty
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	begin(t, w.cmd)
	w.until("BTC_USDT")
	w.until("connected")
	return w
}

// until reads until the terminal has got a text.
func (w *watching) until(text string) {
	w.t.Helper()
	for late := time.Now().Add(patience); !strings.Contains(w.seen.String(), text); {
		if time.Now().After(late) {
			w.t.Fatalf("no %q in %q", text, &w.seen)
		}
		w.read()
	}
}

// read reads what is there, and waits for it a moment.
func (w *watching) read() {
	ready := []unix.PollFd{{Fd: int32(w.main.Fd()), Events: unix.POLLIN}}
	if n, _ := unix.Poll(ready, 20); n == 1 && ready[0].Revents&unix.POLLIN != 0 {
		var b [4096]byte
		n, _ := w.main.Read(b[:])
		w.seen.Write(b[:n])
	}
}

// ends reads until the program has ended, which must be within a time.
func (w *watching) ends(within time.Duration, read bool) {
	w.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- w.cmd.Wait() }()
	late := time.After(within)
	for {
		select {
		case err := <-ended:
			if err != nil {
				w.t.Error(err)
			}
			return
		case <-late:
			w.t.Fatalf("it did not end within %v", within)
		default:
			if read {
				w.read()
			} else {
				<-time.After(time.Millisecond)
			}
		}
	}
}

// modes are the terminal's settings.
func (w *watching) modes() unix.Termios {
	w.t.Helper()
	modes, err := unix.IoctlGetTermios(int(w.tty.Fd()), unix.TCGETS)
	if err != nil {
		w.t.Fatal(err)
	}
	return *modes
}

// The screen quits by its key, sums up, and leaves the terminal as it was.
func TestAWatchLeavesTheTerminalAsItWas(t *testing.T) {
	t.Parallel()
	w := watches(t)
	if w.modes().Lflag&unix.ICANON != 0 {
		t.Error("keys are not read one by one")
	}
	if _, err := w.main.WriteString("q"); err != nil {
		t.Fatal(err)
	}
	w.ends(patience, true)
	w.until("watched 1 room for ")
	for _, want := range []string{"\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h", "\x1b[32m"} {
		if !strings.Contains(w.seen.String(), want) {
			t.Errorf("no %q in %q", want, &w.seen)
		}
	}
	if _, after, _ := strings.Cut(w.seen.String(), "\x1b[?1049l"); !strings.Contains(after, "watched 1 room") {
		t.Errorf("the sum is not behind the screen: %q", after)
	}
	if w.modes().Lflag&(unix.ICANON|unix.ECHO) != unix.ICANON|unix.ECHO {
		t.Error("the terminal is not as it was")
	}
}

// A terminal that reads nothing more keeps a watch neither from ending nor from leaving it as it was.
func TestAWatchEndsInAStuckTerminal(t *testing.T) {
	t.Parallel()
	w := watches(t)
	fd, err := unix.Open(w.tty.Name(), unix.O_WRONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for took := time.Now(); time.Since(took) < 300*time.Millisecond; { // nobody reads, so it gets full, and a picture stuck
		if _, err := unix.Write(fd, []byte("x")); err == nil {
			took = time.Now()
			continue
		}
		<-time.After(time.Millisecond)
	}
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	w.ends(5*time.Second, false) // 1 s, and more on a busy machine
	if w.modes().Lflag&(unix.ICANON|unix.ECHO) != unix.ICANON|unix.ECHO {
		t.Error("the terminal is not as it was")
	}
	w.until("\x1b[?1049l")
	w.until("watched 1 room")
}

func TestAWatchWithoutColours(t *testing.T) {
	t.Parallel()
	w := watches(t, "NO_COLOR=1")
	if _, err := w.main.WriteString("\x03"); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	w.ends(patience, true)
	w.until("watched 1 room for ")
	if strings.Contains(w.seen.String(), "\x1b[32m") || strings.Contains(w.seen.String(), "\x1b[31m") {
		t.Errorf("there are colours in %q", &w.seen)
	}
}
