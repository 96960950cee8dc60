package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"backbone/internal/proctest"
)

// shells are what is typed in, with how each begins. A function takes the place of the program at the
// end of the line, and shows what it was given.
var shells = []struct {
	name, file, rc string
	args           []string
}{
	{"bash", ".bashrc", `PS1='ready> '; eval "$(backbone completion bash)"; backbone() { printf '<%s>' "$@"; echo end; }`, []string{"--noprofile", "-i"}},
	{"zsh", ".zshrc", `PS1='ready> '; autoload -U compinit; compinit -u -D; eval "$(backbone completion zsh)"; backbone() { printf '<%s>' "$@"; echo end; }`, []string{"-i"}},
	{"fish", ".config/fish/config.fish", "backbone completion fish | source\nfunction fish_prompt; echo -n 'ready> '; end\nfunction backbone; printf '<%s>' $argv; echo end; end", []string{"-i"}},
}

// What is typed with the tabulator key in a shell that runs on a terminal becomes the words that it
// should.
func TestCompletion(t *testing.T) {
	t.Parallel()
	_, url, _ := instance(t, proctest.NewPipe(t))
	publishes(t, url)
	for _, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			path, err := exec.LookPath(shell.name)
			if err != nil && shell.name != "bash" {
				t.Skipf("%s is not installed here: what completes in it is not tested", shell.name)
			} else if err != nil {
				t.Fatal(err)
			}
			home := t.TempDir()
			for name, text := range map[string]string{shell.file: shell.rc, "with blank.yaml": "", "plain.pem": ""} {
				path := filepath.Join(home, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(path, shell.args...)
			cmd.Dir = home
			cmd.Env = append(os.Environ(), "HOME="+home, "ZDOTDIR="+home, "XDG_CONFIG_HOME="+home+"/.config", "TERM=xterm", "GORACE="+quickExit)
			typing := inTerminal(t, cmd)
			typing.until("ready> ")
			for typed, want := range map[string]string{
				"vers\t":                                "<version>",
				"subscribe --mark-empty X --snaps\t":    "<subscribe><--mark-empty><X><--snapshot-only>",
				"top --sort conf\t":                     "<top><--sort><conflated>",
				"top --sort=conf\t":                     "<top><--sort=conflated>",
				"config check with\t":                   "<config><check><with blank.yaml>",
				"serve --tls-cert plain\t":              "<serve><--tls-cert><plain.pem>",
				"serve --tls-cert=plain\t --tls-k\tkey": "<serve><--tls-cert=plain.pem><--tls-key><key>",
				"feed krak\t":                           "<feed><kraken>",
				"subscribe --url " + url + " BTC_\t":    "<subscribe><--url><" + url + "><BTC_USDT>",

				"subscribe --url " + url + " --prefix B\t":    "<subscribe><--url><" + url + "><--prefix><BTC_>",
				"subscribe --url " + url + " --prefix=BTC_\t": "<subscribe><--url><" + url + "><--prefix=BTC_USDT>",
			} {
				typing.line("backbone " + typed)
				if got := typing.until("end"); !strings.HasSuffix(got, want+"end") {
					t.Errorf("%q becomes %q, want %s", typed, got[max(0, len(got)-200):], want)
				}
				typing.until("ready> ")
			}
		})
	}
}

// terminal is a program at a terminal, and who sits in front of it.
type terminal struct {
	t      *testing.T
	main   *os.File
	shown  chan string
	unread string
}

// inTerminal starts a program in a terminal of its own. It is killed at the end of the test.
func inTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	main, side := openTerminal(t)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = side, side, side
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	p := &terminal{t: t, main: main, shown: make(chan string, 1)}
	t.Cleanup(func() {
		for range p.shown { // until nobody has the terminal any more
		}
		_ = main.Close()
	})
	begin(t, cmd)
	_ = side.Close()
	go func() {
		defer close(p.shown)
		for part := make([]byte, 4096); ; {
			n, err := main.Read(part)
			if err != nil {
				return
			}
			p.shown <- string(part[:n])
		}
	}()
	return p
}

// line types a line and the return key.
func (p *terminal) line(text string) {
	p.t.Helper()
	if _, err := p.main.WriteString(text + "\r"); err != nil {
		p.t.Fatal(err)
	}
}

// until returns what is shown up to a text, with it.
func (p *terminal) until(text string) string {
	p.t.Helper()
	late := time.After(patience)
	for {
		if before, behind, found := strings.Cut(p.unread, text); found {
			p.unread = behind
			return before + text
		}
		select {
		case more, open := <-p.shown:
			if !open {
				p.t.Fatalf("the program has ended and did not show %q, but %q", text, p.unread)
			}
			p.unread += more
		case <-late:
			p.t.Fatalf("the program does not show %q, but %q", text, p.unread)
		}
	}
}
