package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"backbone/internal/cli"
	"backbone/internal/proctest"
	"backbone/internal/secrettest"
)

func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){"backbone": main})
}

// leakChecked fails tests that leave goroutines behind.
type leakChecked struct{ m *testing.M }

func (l leakChecked) Run() int {
	code := l.m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func TestScripts(t *testing.T) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // what nohup has them ignore is the default again for commands
	t.Cleanup(func() { signal.Stop(hangups) })
	const folder = "testdata/script"
	testscript.Run(t, testscript.Params{
		Dir:                 folder,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", quickExit)
			env.Setenv("PORT", strconv.Itoa(proctest.FreePort(t))) // for a server that is started again
			env.Values["processes"] = map[string]*process{}
			return watchSecrets(t, env, folder)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":       exits,
			"start":       start,
			"says":        says,
			"prints":      prints,
			"ended":       ended,
			"signal":      sendSignal,
			"address":     address,
			"lines":       lines,
			"certificate": certificate,
			"token":       token,
		},
	})
}

// quickExit keeps a program built with -race from sleeping for a second before it ends.
const quickExit = "atexit_sleep_ms=0"

// patience bounds every wait of a script; only a failing one uses it up.
const patience = 30 * time.Second

// exits CODE COMMAND... runs a command, checks its exit code and that it shows no secret of its own.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	if got := exitCode(err); strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d (%v), want %s", got, err, args[0])
	}
	for _, stream := range []string{"stdout", "stderr"} {
		for _, place := range secrettest.Found(secrettest.Args(ts.MkAbs("."), args), []byte(ts.ReadFile(stream))) {
			ts.Fatalf("%s shows a secret: %s", stream, place)
		}
	}
}

func exitCode(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		return -2
	}
	return 0
}

// process is a command that runs beside the script.
type process struct {
	cmd    *exec.Cmd
	asked  chan question
	exited chan struct{} // closed once err is set and all output is in the files
	err    error
}

// question waits for a line with text on standard error.
type question struct {
	text string
	seen chan struct{} // closed once there is one
}

// start NAME TEXT COMMAND... starts a command, its output going to NAME.out and
// NAME.err, and waits for a line with TEXT in NAME.err, unless that is empty.
func start(ts *testscript.TestScript, _ bool, args []string) {
	name := args[0]
	path, err := exec.LookPath(args[2])
	ts.Check(err)
	cmd := exec.Command(path, args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "GORACE="+quickExit, "BACKBONE_API_KEY="+ts.Getenv("BACKBONE_API_KEY"))
	out, err := os.Create(ts.MkAbs(name + ".out"))
	ts.Check(err)
	logged, err := os.Create(ts.MkAbs(name + ".err"))
	ts.Check(err)
	cmd.Stdout = out
	stderr, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(proctest.Begin(cmd))
	p := &process{cmd: cmd, asked: make(chan question), exited: make(chan struct{})}
	ts.Value("processes").(map[string]*process)[name] = p
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		<-p.exited
	})
	said := make(chan string)
	go func() {
		for scan := bufio.NewScanner(stderr); scan.Scan(); {
			_, _ = fmt.Fprintln(logged, scan.Text())
			said <- scan.Text()
		}
		close(said)
	}()
	go func() {
		p.answer(said)
		p.err = cmd.Wait()
		_ = errors.Join(out.Close(), logged.Close())
		close(p.exited)
	}()
	if args[1] != "" {
		says(ts, false, args[:2])
	}
}

// answer answers questions until the process says no more.
func (p *process) answer(said <-chan string) {
	var lines []string
	var open []question
	for {
		select {
		case line, more := <-said:
			if !more {
				return
			}
			lines = append(lines, line)
		case q := <-p.asked:
			open = append(open, q)
		}
		open = slices.DeleteFunc(open, func(q question) bool {
			answered := slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, q.text) })
			if answered {
				close(q.seen)
			}
			return answered
		})
	}
}

// says NAME TEXT waits for a line with TEXT in NAME.err.
func says(ts *testscript.TestScript, _ bool, args []string) {
	name, text := args[0], args[1]
	p := started(ts, name)
	q := question{text, make(chan struct{})}
	select {
	case p.asked <- q:
	case <-p.exited:
	}
	select {
	case <-q.seen:
	case <-p.exited:
		if !strings.Contains(ts.ReadFile(name+".err"), text) {
			ts.Fatalf("%s ended without %q on standard error: %v\n%s", name, text, p.err, ts.ReadFile(name+".err"))
		}
	case <-time.After(patience):
		ts.Fatalf("%s says no %q on standard error\n%s", name, text, ts.ReadFile(name+".err"))
	}
}

// prints NAME TEXT waits for TEXT in NAME.out. That another command has a price does not say that this one has it.
func prints(ts *testscript.TestScript, _ bool, args []string) {
	p, out := started(ts, args[0]), args[0]+".out"
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); !strings.Contains(ts.ReadFile(out), args[1]); {
		select {
		case <-tick.C:
		case <-p.exited:
			if !strings.Contains(ts.ReadFile(out), args[1]) {
				ts.Fatalf("%s ended without %q on standard output\n%s", args[0], args[1], ts.ReadFile(out))
			}
		case <-late:
			ts.Fatalf("%s prints no %q\n%s", args[0], args[1], ts.ReadFile(out))
		}
	}
}

func started(ts *testscript.TestScript, name string) *process {
	p := ts.Value("processes").(map[string]*process)[name]
	if p == nil {
		ts.Fatalf("%s was not started", name)
	}
	return p
}

// ended NAME CODE waits for the end of a command and checks its exit code.
func ended(ts *testscript.TestScript, _ bool, args []string) {
	p := started(ts, args[0])
	select {
	case <-p.exited:
	case <-time.After(patience):
		ts.Fatalf("%s does not end", args[0])
	}
	got := strconv.Itoa(exitCode(p.err))
	if got != args[1] {
		ts.Fatalf("%s: exit code %s, want %s\n%s", args[0], got, args[1], ts.ReadFile(args[0]+".err"))
	}
}

// signal NAME SIGNAL sends a signal, such as INT or STOP.
func sendSignal(ts *testscript.TestScript, _ bool, args []string) {
	known := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "PIPE": syscall.SIGPIPE, "STOP": proctest.Freeze, "CONT": proctest.Thaw}
	for s, wish := range wishes() {
		known[map[cli.Wish]string{cli.Reload: "HUP", cli.LogState: "USR1", cli.ToggleLogs: "USR2"}[wish]] = s.(syscall.Signal)
	}
	sent, is := known[args[1]]
	if !is {
		ts.Fatalf("no signal %s on this system", args[1])
	}
	p := started(ts, args[0]).cmd.Process
	ts.Check(p.Signal(sent))
	if args[1] == "STOP" {
		ts.Check(proctest.Frozen(p))
	}
}

// address NAME sets $ADDR and $ADMIN to what a server's log says that it listens on.
func address(ts *testscript.TestScript, _ bool, args []string) {
	log := ts.ReadFile(args[0] + ".err")
	for variable, key := range map[string]string{"ADDR": `"listen":"`, "ADMIN": `"admin":"`} {
		_, rest, found := strings.Cut(log, key)
		value, _, _ := strings.Cut(rest, `"`)
		if found {
			ts.Setenv(variable, value)
		}
	}
}

// lines FILE N checks the number of lines of a file.
func lines(ts *testscript.TestScript, _ bool, args []string) {
	if got := strings.Count(ts.ReadFile(args[0]), "\n"); strconv.Itoa(got) != args[1] {
		ts.Fatalf("%s has %d lines, want %s", args[0], got, args[1])
	}
}

// certificate writes cert.pem and key.pem for 127.0.0.1.
func certificate(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(writeCertificate(ts.MkAbs(".")))
}
