package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A server in a terminal reloads when it is told to, and stops when the terminal closes.
func TestAServerStopsWithItsTerminal(t *testing.T) {
	t.Parallel()
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // or else the program ignores it where the tests do, as under nohup
	defer signal.Stop(hangups)
	main, terminal := openTerminal(t)
	program, err := exec.LookPath("backbone")
	if err != nil {
		t.Fatal(err)
	}
	log, logged, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(program, "serve", "--listen=127.0.0.1:0", "--admin-listen=", "--log-format=json")
	cmd.Env = append(os.Environ(), "GORACE="+quickExit)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, logged
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	terminal.Close()
	logged.Close()
	if err := log.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(log)
	says := func(text string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return
			}
		}
		t.Fatalf("it says no %q", text)
	}
	says("listening")
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Error(err)
	}
	says("reload: nothing changed")
	main.Close()
	says(`"msg":"stopping"`)
	_ = cmd.Process.Signal(syscall.SIGHUP) // as some terminals do, which asks for no haste
	says(`"msg":"stopped"`)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
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
