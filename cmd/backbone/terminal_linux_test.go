package main

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"backbone/internal/cli"
	"backbone/internal/proctest"
)

// A server in a terminal reloads when it is told to, and stops when the terminal closes.
func TestAServerStopsWithItsTerminal(t *testing.T) {
	t.Parallel()
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // or else the program ignores it where the tests do, as under nohup
	defer signal.Stop(hangups)
	main, terminal := openTerminal(t)
	log := proctest.NewPipe(t)
	cmd := command("serve", "--listen=127.0.0.1:0", "--admin-listen=", "--log-format=json")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, log.W
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	begin(t, cmd)
	terminal.Close()
	log.Line("listening")
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Error(err)
	}
	log.Line("reload: nothing changed")
	main.Close()
	log.Line(`"msg":"stopping"`)
	_ = cmd.Process.Signal(syscall.SIGHUP) // as some terminals do, which asks for no haste
	log.Line(`"msg":"stopped"`)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// What others send is obeyed by no terminal, however it is printed there. A pipe gets it as it is.
func TestATerminalObeysNoPayload(t *testing.T) {
	t.Parallel()
	_, url, _ := instance(t, proctest.NewPipe(t))
	const text = "a\u009b31mb"
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"subscribe", "--count=1"}, "a\ufffd31mb"},
		{[]string{"subscribe", "--count=1", "--json"}, `a\u009b31mb`},
		{[]string{"subscribe", "--count=1", "--raw"}, "a\ufffd31mb"},
		{[]string{"subscribe", "--count=1", "--format", "<{{.Text}}>"}, "<a\ufffd31mb>"},
		{[]string{"record", "--count=1"}, `a\u009b31mb`},
	} {
		terminal := inTerminal(t, command(append(c.args, "lobby", "--url", url)...))
		terminal.until("joined lobby")
		if out, err := command("send", "lobby", text, "--url", url).CombinedOutput(); err != nil {
			t.Fatalf("%v, said %s", err, out)
		}
		if shown := terminal.until("31mb"); !strings.HasSuffix(shown, strings.TrimSuffix(c.want, ">")) {
			t.Errorf("%v: the terminal shows %q, want %q", c.args, shown, c.want)
		}
	}
	out, stderr := proctest.NewPipe(t), proctest.NewPipe(t)
	runs(t, out, stderr, "subscribe", "--count=1", "lobby", "--url", url)
	stderr.Line("joined lobby")
	if said, err := command("send", "lobby", text, "--url", url).CombinedOutput(); err != nil {
		t.Fatalf("%v, said %s", err, said)
	}
	if line := out.Line("31mb"); !strings.Contains(line, text) {
		t.Errorf("the pipe gets %q", line)
	}
}

// Whatever answers in place of an instance does nothing to a terminal.
func TestATerminalObeysNoAnswer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("a\x1b[31mb\n"))
	}))
	defer server.Close()
	if shown := inTerminal(t, command("health", "--admin-url", server.URL)).until("31mb"); !strings.Contains(shown, "a\ufffd[31mb") {
		t.Errorf("the terminal shows %q", shown)
	}
}

// Whoever misspells a room's name on a terminal is told the names that are near. A program is not.
func TestAMisspeltRoomIsToldToAPerson(t *testing.T) {
	t.Parallel()
	_, url, _ := instance(t, proctest.NewPipe(t))
	publishes(t, url)
	for _, more := range [][]string{nil, {"--snapshot-only"}} {
		terminal := inTerminal(t, command(append([]string{"subscribe", "BTC_USDX", "--url", url}, more...)...))
		terminal.until("no last price is known")
		terminal.until("BTC_USDX: nothing is known of it: did you mean BTC_USDT?")
	}
	recorder := command("record", "BTC_USDT", "BTC_USDX", "--url", url)
	main, terminal := openTerminal(t)
	defer main.Close()
	file, err := os.Create(t.TempDir() + "/day.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	recorder.Stdout, recorder.Stderr = file, terminal // as with > day.jsonl
	begin(t, recorder)
	_ = terminal.Close()
	defer time.AfterFunc(patience, func() { _ = recorder.Process.Kill() }).Stop()
	told := false
	for said := bufio.NewScanner(main); !told && said.Scan(); {
		told = strings.Contains(said.Text(), "BTC_USDX: nothing is known of it: did you mean BTC_USDT?")
		if strings.Contains(said.Text(), "BTC_USDT: nothing") {
			t.Error(said.Text())
		}
	}
	if !told {
		t.Error("a recording does not tell it")
	}
	_ = recorder.Process.Kill()
	out, err := command("subscribe", "BTC_USDX", "--snapshot-only", "--url", url).CombinedOutput()
	if exitCode(err) != cli.ExitNoData || strings.Contains(string(out), "did you mean") {
		t.Errorf("%v, said %s", err, out)
	}
}

// openTerminal returns both ends of a pseudo-terminal.
func openTerminal(t *testing.T) (main, terminal *os.File) {
	t.Helper()
	main, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(main.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return main, terminal
}
