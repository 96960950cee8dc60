// Command picture records the picture of the README: it runs the demo in a terminal,
// takes what the terminal shows after a while, and writes it to standard output as SVG.
//
//	go run ./scripts/picture > docs/demo.svg
//
// It needs tmux, which is the terminal.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const command = "go run ./cmd/backbone demo"

func main() {
	width := flag.Int("width", 92, "columns of the terminal")
	height := flag.Int("height", 24, "rows of the terminal; empty rows at the end are left out")
	after := flag.Duration("after", 20*time.Second, "how long the demo has shown prices when the picture is taken")
	flag.Parse()
	if flag.NArg() > 0 || *width < 1 || *height < 1 || *after < 0 {
		fmt.Fprintln(os.Stderr, "picture: takes no arguments; sizes must be at least 1 and the time at least 0")
		os.Exit(2)
	}
	if err := run(*width, *height, *after); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

func run(width, height int, after time.Duration) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	screen, err := record(ctx, width, height, after)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(draw(parse(screen), width, "$ "+command))
	return err
}

// record runs the demo in a terminal of its own and returns the screen, with the escape
// sequences of its colours.
func record(ctx context.Context, width, height int, after time.Duration) (string, error) {
	dir, err := os.MkdirTemp("", "picture")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is in the system's temporary directory
	tmux := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, "tmux", append([]string{"-S", filepath.Join(dir, "socket"), "-f", os.DevNull}, args...)...)
		var failure bytes.Buffer
		cmd.Stderr = &failure
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("tmux %s: %w %s", args[0], err, strings.TrimSpace(failure.String()))
		}
		return string(out), err
	}
	if _, err := tmux("new-session", "-d", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height), command); err != nil {
		return "", err
	}
	defer exec.Command("tmux", "-S", filepath.Join(dir, "socket"), "kill-server").Run() //nolint:errcheck // it ends with the demo otherwise
	screen := func() (string, error) { return tmux("capture-pane", "-e", "-p") }
	for { // the demo has to be built before it shows anything
		text, err := screen()
		if err != nil {
			return "", err
		}
		if strings.Contains(text, "backbone demo") {
			break
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return "", err
		}
	}
	if err := wait(ctx, after); err != nil {
		return "", err
	}
	return screen()
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
