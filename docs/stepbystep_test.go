//go:build unix

package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"backbone/internal/proctest"
)

// TestStepByStep types step-by-step.md into one bash, if what it needs is installed, with shorter drains and a shorter
// restart. Its outputs have to come one behind the other; ... is left open, and what varies.
func TestStepByStep(t *testing.T) {
	for _, program := range []string{"bash", "haproxy", "redis-server", "openssl", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	blocks := blocksOf(t, "step-by-step.md", 16)
	l := newLearner(t, blocks, t.TempDir())
	here := func(text string) string {
		return l.here(strings.NewReplacer(
			"$PWD/bin", l.dir+"/bin", "../backbone-try", l.dir+"/try",
			"drain-delay: 5s", "drain-delay: 2s", "drain-window: 10s", "drain-window: 2s", "1500", "600", "1,500", "600",
			"backbone top ", "backbone top --once ",
		).Replace(text))
	}
	var typed, printed strings.Builder
	for _, b := range blocks {
		if b.lang == "sh" {
			typed.WriteString(here(b.text))
		} else {
			printed.WriteString(here(b.text))
		}
	}
	out, err := os.Create(filepath.Join(l.dir, "printed"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", "trap 'kill -9 $(jobs -p) 2> /dev/null' EXIT\n"+typed.String())
	cmd.Dir, cmd.Stdout, cmd.Stderr = clone, out, out // a file: what the page starts has it too
	if err := proctest.Begin(cmd); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-time.After(3 * time.Minute):
		_ = cmd.Process.Signal(syscall.SIGTERM) // at an interrupt it goes on with a loop whose commands end by themselves
		err = <-ended
	}
	t.Log(err)
	// In a pipe a price is JSON.
	price := regexp.MustCompile(`(?m)^(?:[\d:.]+  )?BTC_USDT +([\d.]+)  .*$`)
	expect(t, "step-by-step.md", strings.NewReader(read(t, out.Name())), price.ReplaceAllString(printed.String(), `"price":$1,`))
}
