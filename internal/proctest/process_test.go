//go:build unix

package proctest_test

import (
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"backbone/internal/proctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStartWaitsAndHearsAll(t *testing.T) {
	var heard []string
	p, err := proctest.Start(exec.Command("sh", "-c", "echo one; echo ready >&2; read never; echo two; exit 3"), "ready", func(line []byte) { heard = append(heard, string(line)) })
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Err(); err == nil || err.Error() != "exit status 3" {
		t.Errorf("it ended with: %v, want exit status 3", err)
	}
	if want := []string{"one", "ready", "two"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
	if p.Signal(syscall.SIGTERM) == nil {
		t.Error("a process that has ended took a signal")
	}
}

func TestStartSaysWhatAProgramSaidThatDidNotGetReady(t *testing.T) {
	_, err := proctest.Start(exec.Command("sh", "-c", "echo because; exit 1"), "ready", nil)
	if err == nil || !strings.Contains(err.Error(), "exit status 1") || !strings.Contains(err.Error(), "because") {
		t.Errorf("error: %v", err)
	}
	if _, err := proctest.Start(exec.Command("/does/not/exist"), "ready", nil); err == nil {
		t.Error("a program that is not there was started")
	}
}

func TestKillEndsAStoppedProcess(t *testing.T) {
	p, err := proctest.Start(exec.Command("sh", "-c", "echo ready; exec sleep 1000"), "ready", nil)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Ended():
		t.Fatal("it has ended by itself")
	default:
	}
	if err := p.Signal(proctest.Freeze); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	<-p.Ended()
	p.Kill() // again does nothing
}

func TestAFullPipeTakesNothingUntilItIsRead(t *testing.T) {
	p := proctest.NewPipe(t)
	p.Fill()
	cmd := exec.Command("echo", "behind what fills it")
	cmd.Stdout = p.W
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line := p.Line("behind"); line != "behind what fills it\n" {
		t.Errorf("read %q", line)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if rest := p.Rest(); rest != "" {
		t.Errorf("%q was left", rest)
	}
}

func TestAShownSecretIsAnError(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sh", "-c", `echo ready; echo "with $BACKBONE_API_KEY"`)
	cmd.Env = append(cmd.Environ(), "BACKBONE_API_KEY=key-of-ann")
	p, err := proctest.Start(cmd, "ready", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Err(); err == nil || err.Error() != "sh shows a secret: API_KEY in line 1 of an entry" {
		t.Errorf("it ended with: %v", err)
	}
}
