package proctest_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"backbone/internal/proctest"
)

const toBeKilled = "PROCTEST_TO_BE_KILLED"

// It is a test process of TestWhatWasBegunEndsWithTheTestProcess.
func TestToBeKilled(t *testing.T) {
	if os.Getenv(toBeKilled) == "" {
		return
	}
	cmd := exec.Command("sleep", "1000")
	cmd.Stdout = os.Stdout
	if err := proctest.Begin(cmd); err != nil {
		t.Fatal(err)
	}
	fmt.Println(cmd.Process.Pid)
	_ = cmd.Wait() // it does not come back
}

func TestWhatWasBegunEndsWithTheTestProcess(t *testing.T) {
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(os.Args[0], "-test.run=^TestToBeKilled$")
	cmd.Env, cmd.Stdout = append(os.Environ(), toBeKilled+"=1"), w
	if err := proctest.Begin(cmd); err != nil {
		t.Fatal(err)
	}
	_ = w.Close() // the processes have it
	var id int
	_, err = fmt.Fscan(bufio.NewReader(out), &id)
	_, _ = cmd.Process.Kill(), cmd.Wait()
	if err != nil {
		t.Fatal(err)
	}
	_ = out.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.Copy(io.Discard, out); err != nil { // the pipe ends when nobody can write to it any more
		t.Errorf("the program has not ended: %v", err)
		_ = syscall.Kill(id, syscall.SIGKILL)
	}
}

// The end of the thread from which Begin was called ends nothing.
func TestWhatWasBegunOutlivesItsThread(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	endThread(t, func() { err = proctest.Begin(cmd) })
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(in, "still here\n")
	_ = in.Close()
	said, err := io.ReadAll(out)
	if string(said) != "still here\n" || errors.Join(err, cmd.Wait()) != nil {
		t.Errorf("it said %q and ended with %v, %v", said, err, cmd.ProcessState)
	}
}

// endThread calls f on a thread that has ended when it returns.
func endThread(t *testing.T, f func()) {
	t.Helper()
	ids := make(chan int)
	go func() {
		runtime.LockOSThread() // a thread that is never unlocked ends with its goroutine
		if unix.Gettid() == os.Getpid() {
			endThread(t, f) // the first one does not
		} else {
			f()
		}
		ids <- unix.Gettid()
	}()
	id := <-ids
	if id == os.Getpid() {
		return
	}
	late := time.Now().Add(20 * time.Second)
	for time.Now().Before(late) {
		if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", id)); errors.Is(err, fs.ErrNotExist) {
			return
		}
		runtime.Gosched()
	}
	t.Error("the thread does not end")
}
