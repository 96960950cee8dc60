//go:build unix

package docs_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"backbone/internal/proctest"
)

const clone = ".." // from here

// TestTutorial does what tutorial.md says.
func TestTutorial(t *testing.T) { follow(t, "tutorial.md", 20, t.TempDir()) }

// block is a block of a page that is followed, with its fence.
type block struct {
	lang  string
	words []string
	text  string
	line  int
}

// follow does what a page says, which has at least so many blocks. Programs go into the folder bin,
// so that pages can share what they build. The words behind the fence of a
// block say what it is:
//
//	sh                        commands, which end
//	sh NAME                   a command that goes on in a terminal of its own
//	sh not-run                commands that are not run here: the page says why
//	LANGUAGE FILE             the text of a file
//	output                    lines, each with a part of what the last commands have printed
//	output NAME               likewise of the one that goes on, which may be yet to come
//	output NAME behind-the-end-of OTHER   once the other one was stopped, by Ctrl-C; -freeze- is
//	                          Ctrl-Z, and -thaw- lets it go on
//
// What an output line leaves open is in parts.
func follow(t *testing.T, page string, least int, bin string) {
	t.Helper()
	blocks := blocksOf(t, page, least)
	l := newLearner(t, blocks, bin)
	l.build(blocks)
	for _, b := range blocks {
		at, text := fmt.Sprintf("%s:%d", page, b.line), l.here(b.text)
		switch {
		case b.lang == "sh" && len(b.words) == 0:
			l.printed = l.do(at, text)
		case b.words != nil && b.words[0] == "not-run":
		case b.lang == "sh":
			l.start(b.words[0], strings.TrimSpace(text))
		case b.lang == "output" && len(b.words) == 0:
			expect(t, at, strings.NewReader(l.printed), text)
		case b.lang == "output":
			if len(b.words) == 3 {
				l.running[b.words[2]].meet(b.words[1])
			}
			expect(t, at, l.running[b.words[0]].out, text)
		case b.lang == "go": // it is built
		case len(b.words) == 1:
			if err := os.WriteFile(l.here(b.words[0]), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("%s: a block that is no command, output or file", at)
		}
	}
}

// blocksOf returns the blocks of a page, which has at least so many.
func blocksOf(t *testing.T, page string, least int) (blocks []block) {
	t.Helper()
	text := read(t, page)
	for _, m := range regexp.MustCompile("(?ms)^```(\\w+)(?: ([^\n]*))?\n(.*?)^```$").FindAllStringSubmatchIndex(text, -1) {
		b := block{lang: text[m[2]:m[3]], text: text[m[6]:m[7]], line: strings.Count(text[:m[0]], "\n") + 1}
		if m[4] >= 0 {
			b.words = strings.Fields(text[m[4]:m[5]])
		}
		blocks = append(blocks, b)
	}
	if len(blocks) < least {
		t.Fatalf("only %d blocks are left", len(blocks))
	}
	return blocks
}

// learner does what a page says. Its programs and files are in dir.
type learner struct {
	t       *testing.T
	dir     string
	ports   map[string]string // of the page, and what they are here
	running map[string]*running
	printed string // by the last commands
}

// running is a program in a terminal.
type running struct {
	t   *testing.T
	cmd *exec.Cmd
	out *os.File // the end to read
}

var (
	pagePort = regexp.MustCompile(`(?:127\.0\.0\.1|localhost):(\d{4,5})\b|--port (\d{4,5})\b`)
	anyPort  = regexp.MustCompile(`\b\d{4,5}\b`)
)

// newLearner finds free ports for those of the page.
func newLearner(t *testing.T, blocks []block, bin string) *learner {
	t.Helper()
	l := &learner{t: t, dir: t.TempDir(), ports: map[string]string{"8080": ""}, running: map[string]*running{}}
	for _, b := range blocks {
		for _, m := range pagePort.FindAllStringSubmatch(b.text, -1) {
			l.ports[m[1]+m[2]] = ""
		}
	}
	taken := map[string]bool{}
	for port := range l.ports {
		free := ""
		for free == "" || taken[free] {
			free = fmt.Sprint(proctest.FreePort(t))
		}
		l.ports[port], taken[free] = free, true
	}
	if err := os.Symlink(bin, filepath.Join(l.dir, "bin")); err != nil {
		t.Fatal(err)
	}
	for name, text := range deployed(t) {
		file := filepath.Join(l.dir, "deploy", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(l.here(text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// here is a text of the page with the ports and the folders of this test: those of the
// clone that programs write into are in dir.
func (l *learner) here(text string) string {
	text = anyPort.ReplaceAllStringFunc(text, func(port string) string {
		if free, ok := l.ports[port]; ok {
			return free
		}
		return port
	})
	text = regexp.MustCompile(`(?m)(^|[\s'"=|:])(try|bin|deploy)/`).ReplaceAllString(text, "${1}"+l.dir+"/$2/")
	return regexp.MustCompile(`(?m)go run \./(\w+)$`).ReplaceAllString(text, filepath.Join(l.dir, "$1"))
}

// build builds the programs of the page in one go, from files that only seem to be in the clone.
func (l *learner) build(blocks []block) {
	l.t.Helper()
	root, err := filepath.Abs(clone)
	if err != nil {
		l.t.Fatal(err)
	}
	command, overlay := "go build -o "+l.dir+" -overlay "+filepath.Join(l.dir, "overlay.json"), map[string]string{}
	for _, b := range blocks {
		if b.lang != "go" {
			continue
		}
		program := filepath.Dir(b.words[0])
		if n := strings.Count(b.text, "\n"); program == "bot" && n >= 30 {
			l.t.Errorf("the bot has %d lines", n)
		}
		source := filepath.Join(l.dir, program+".go")
		if err := os.WriteFile(source, []byte(l.here(b.text)), 0o600); err != nil {
			l.t.Fatal(err)
		}
		overlay[filepath.Join(root, b.words[0])] = source
		command += " ./" + program
	}
	if len(overlay) == 0 {
		return
	}
	text, err := json.Marshal(map[string]any{"Replace": overlay})
	if err == nil {
		err = os.WriteFile(filepath.Join(l.dir, "overlay.json"), text, 0o600)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	l.do("the programs", command)
}

func (l *learner) command(text string) *exec.Cmd {
	cmd := exec.CommandContext(l.t.Context(), "sh", "-ec", text)
	cmd.Dir = clone
	address := "127.0.0.1:" + l.ports["8080"]
	cmd.Env = append(os.Environ(), "BACKBONE_LISTEN="+address, "BACKBONE_ADMIN_LISTEN=127.0.0.1:0", "BACKBONE_URL=ws://"+address, "GOFLAGS=-ldflags=-w")
	return cmd
}

// do runs commands and returns what they print.
func (l *learner) do(at, text string) string {
	l.t.Helper()
	out, err := l.command(text).CombinedOutput()
	if err != nil {
		l.t.Fatalf("%s: %s: %v\n%s", at, text, err, out)
	}
	l.t.Logf("%s: %s\n%s", at, text, out)
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
	if err := proctest.Begin(cmd); err != nil {
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
		expect(l.t, name, r, "listening")
	}
}

// meet has the program meet with what a page says.
func (p *running) meet(what string) {
	switch what {
	case "behind-the-end-of":
		p.stop()
	case "behind-the-freeze-of":
		p.signal(proctest.Freeze)
		if err := proctest.Frozen(p.cmd.Process); err != nil {
			p.t.Fatal(err)
		}
	case "behind-the-thaw-of":
		p.signal(proctest.Thaw)
	default:
		p.t.Fatalf("nothing is %s", what)
	}
}

func (p *running) signal(sig os.Signal) {
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
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
