package examples_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"backbone/internal/proctest"
)

const clone = "../.." // from here

// TestTutorial does what tutorial.md says. The words behind the fence of a block say what it is:
//
//	sh                        commands, which end
//	sh NAME                   a command that goes on in a terminal of its own
//	go FILE                   the text of a file
//	output                    lines, each with a part of what the last commands have printed
//	output NAME               likewise of the one that goes on, which may be yet to come
//	output NAME behind-the-end-of OTHER   once the other one was stopped
func TestTutorial(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(clone, "docs", "tutorial.md"))
	if err != nil {
		t.Fatal(err)
	}
	l := &learner{t: t, dir: t.TempDir(), address: fmt.Sprintf("127.0.0.1:%d", proctest.FreePort(t)), running: map[string]*running{}}
	blocks := regexp.MustCompile("(?ms)^```(sh|go|output)(?: ([^\n]*))?\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 20 {
		t.Fatalf("only %d blocks are left", len(blocks))
	}
	l.build(blocks)
	for _, b := range blocks {
		words, text := strings.Fields(b[2]), l.here(b[3])
		switch {
		case b[1] == "go": // it is built
		case b[1] == "sh" && len(words) == 0:
			l.printed = l.do(text)
		case b[1] == "sh":
			l.start(words[0], strings.TrimSpace(text))
		case len(words) == 0:
			expect(t, strings.NewReader(l.printed), text)
		default:
			if len(words) == 3 {
				l.running[words[2]].stop()
			}
			expect(t, l.running[words[0]].out, text)
		}
	}
}

// learner does what the page says. Programs are built into dir.
type learner struct {
	t       *testing.T
	dir     string
	address string
	running map[string]*running
	printed string // by the last commands
}

// running is a program in a terminal.
type running struct {
	t   *testing.T
	cmd *exec.Cmd
	out *os.File // the end to read
}

// here is a text of the page with the address and the folder of this test.
func (l *learner) here(text string) string {
	text = strings.ReplaceAll(text, "127.0.0.1:8080", l.address)
	text = strings.ReplaceAll(text, "bin/backbone", filepath.Join(l.dir, "backbone"))
	return regexp.MustCompile(`go run \./(\w+)`).ReplaceAllString(text, filepath.Join(l.dir, "$1"))
}

// build builds the programs of the page in one go, from files that only seem to be in the clone.
func (l *learner) build(blocks [][]string) {
	l.t.Helper()
	root, err := filepath.Abs(clone)
	if err != nil {
		l.t.Fatal(err)
	}
	command, overlay := "go build -o "+l.dir+" -overlay "+filepath.Join(l.dir, "overlay.json"), map[string]string{}
	for _, b := range blocks {
		if b[1] != "go" {
			continue
		}
		program := filepath.Dir(b[2])
		if n := strings.Count(b[3], "\n"); program == "bot" && n >= 30 {
			l.t.Errorf("the bot has %d lines", n)
		}
		source := filepath.Join(l.dir, program+".go")
		if err := os.WriteFile(source, []byte(l.here(b[3])), 0o600); err != nil {
			l.t.Fatal(err)
		}
		overlay[filepath.Join(root, b[2])] = source
		command += " ./" + program
	}
	text, err := json.Marshal(map[string]any{"Replace": overlay})
	if err == nil {
		err = os.WriteFile(filepath.Join(l.dir, "overlay.json"), text, 0o600)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	l.do(command)
}

func (l *learner) command(text string) *exec.Cmd {
	cmd := exec.CommandContext(l.t.Context(), "sh", "-ec", text)
	cmd.Dir = clone
	cmd.Env = append(os.Environ(), "BACKBONE_LISTEN="+l.address, "BACKBONE_ADMIN_LISTEN=127.0.0.1:0", "BACKBONE_URL=ws://"+l.address, "GOFLAGS=-ldflags=-w")
	return cmd
}

// do runs commands and returns what they print.
func (l *learner) do(text string) string {
	l.t.Helper()
	out, err := l.command(text).CombinedOutput()
	if err != nil {
		l.t.Fatalf("%s: %v\n%s", text, err, out)
	}
	return string(out)
}

// start starts a program, under a name. A server is waited for.
func (l *learner) start(name, text string) {
	l.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		l.t.Fatal(err)
	}
	cmd := l.command("exec " + text)
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	_ = w.Close() // the program has it
	p := &running{t: l.t, cmd: cmd, out: r}
	l.running[name] = p
	l.t.Cleanup(func() {
		p.stop()
		_ = r.Close()
	})
	if name == "serve" {
		expect(l.t, r, "listening")
	}
}

// stop is Ctrl-C.
func (p *running) stop() {
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended
	late := time.AfterFunc(20*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	_ = p.cmd.Wait() // by a signal
}

// expect reads until each line of want was a part of a line.
func expect(t *testing.T, r io.Reader, want string) {
	t.Helper()
	if f, ok := r.(*os.File); ok {
		if err := f.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	var got, line bytes.Buffer
	for text := range strings.Lines(want) {
		text = strings.TrimSuffix(text, "\n")
		for found := false; !found; {
			var b [1]byte // no byte of what comes behind is taken
			if _, err := io.ReadFull(r, b[:]); err != nil {
				t.Fatalf("%v: no line has %q in\n%s", err, text, &got)
			}
			got.WriteByte(b[0])
			if line.WriteByte(b[0]); b[0] == '\n' {
				found = strings.Contains(line.String(), text)
				line.Reset()
			}
		}
	}
}
