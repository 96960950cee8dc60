package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// build makes the binary of a commit.
func build(ctx context.Context, dir, commit string) (binary string, err error) {
	source := filepath.Join(dir, "source")
	binary = filepath.Join(dir, "old")
	if err := os.Mkdir(source, 0o750); err != nil {
		return "", err
	}
	tar := filepath.Join(dir, "old.tar")
	if err := command(ctx, ".", "git", "archive", "-o", tar, commit); err != nil {
		return "", err
	}
	if err := command(ctx, source, "tar", "-xf", tar); err != nil {
		return "", err
	}
	return binary, command(ctx, source, "go", "build", "-o", binary, "./cmd/backbone")
}

func command(ctx context.Context, dir, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// fleet is a Redis and the instances that it joins. One goroutine uses it.
type fleet struct {
	dir      string
	binaries map[bool]string // by whether it is this build
	port     int             // of Redis; those of instances and their metrics follow
	redis    *exec.Cmd
	running  [instances]*exec.Cmd
}

func newFleet(dir, older, newer string, port int) *fleet {
	return &fleet{dir: dir, binaries: map[bool]string{false: older, true: newer}, port: port}
}

func (f *fleet) address(i int) string { return fmt.Sprintf("127.0.0.1:%d", f.port+1+i) }
func (f *fleet) admin(i int) string   { return fmt.Sprintf("127.0.0.1:%d", f.port+1+instances+i) }

func (f *fleet) urls() (urls []string) {
	for i := range instances {
		urls = append(urls, "ws://"+f.address(i))
	}
	return urls
}

func (f *fleet) begin(ctx context.Context) error {
	f.redis = exec.Command("redis-server", "--port", fmt.Sprint(f.port), "--bind", "127.0.0.1", "--save", "", "--dir", f.dir) //nolint:noctx // end ends it
	if err := f.redis.Start(); err != nil {
		return err
	}
	for i := range instances {
		if err := f.start(ctx, i, false); err != nil {
			return err
		}
	}
	return nil
}

// start starts an instance, and returns once it is joined to Redis.
func (f *fleet) start(ctx context.Context, i int, newer bool) error {
	c := exec.Command(f.binaries[newer], "serve", "--listen", f.address(i), "--admin-listen", f.admin(i), //nolint:noctx // end ends it
		"--redis-url", fmt.Sprintf("redis://127.0.0.1:%d", f.port))
	log, err := os.OpenFile(filepath.Join(f.dir, fmt.Sprintf("%d.log", i)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	c.Stderr = log
	if err := c.Start(); err != nil {
		return err
	}
	f.running[i] = c
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		if text, err := get(ctx, "http://"+f.address(i)+"/readyz"); err == nil && strings.Contains(text, `"bridge":"ok"`) {
			return nil
		}
	}
	text, _ := os.ReadFile(log.Name())
	return fmt.Errorf("instance %d does not come up: %s", i+1, text)
}

func (f *fleet) replace(ctx context.Context, i int, newer bool) error {
	stop(f.running[i])
	return f.start(ctx, i, newer)
}

func stop(c *exec.Cmd) {
	if c != nil && c.Process != nil {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
	}
}

func (f *fleet) end() {
	for _, c := range f.running {
		stop(c)
	}
	stop(f.redis)
}

var formMetric = regexp.MustCompile(`(?m)^backbone_bridge_form (\d)$`)

// forms are what each instance writes. An older build has no metric of it, and writes form 1.
func (f *fleet) forms(ctx context.Context) (forms []string) {
	for i := range instances {
		text, _ := get(ctx, "http://"+f.admin(i)+"/metrics")
		form := "old"
		if m := formMetric.FindStringSubmatch(text); m != nil {
			form = m[1]
		}
		forms = append(forms, form)
	}
	return forms
}

func get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}
