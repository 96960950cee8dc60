package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

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
