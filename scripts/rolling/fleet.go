//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// proxies are their configurations, with DIR, FRONT and the instances' A, B and C.
var proxies = map[string]struct {
	file, text string
	run        []string
}{
	"haproxy": {"haproxy.cfg", `defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
frontend public
  bind FRONT
  default_backend backbone
backend backbone
  balance leastconn
  option redispatch 1
  option httpchk GET /readyz
  default-server check inter 200ms fall 1 rise 1
  server a A
  server b B
  server c C
`, []string{"haproxy", "-W", "-db", "-f", "DIR/haproxy.cfg"}},
	"nginx": {"nginx.conf", `pid DIR/pid;
error_log DIR/log;
events {}
http {
access_log off;
client_body_temp_path DIR/body;
proxy_temp_path DIR/proxy;
fastcgi_temp_path DIR/fastcgi;
uwsgi_temp_path DIR/uwsgi;
scgi_temp_path DIR/scgi;
upstream backbone {
  least_conn;
  server A max_fails=0;
  server B max_fails=0;
  server C max_fails=0;
}
server {
  listen FRONT;
  location / {
    proxy_pass http://backbone;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection upgrade;
    proxy_set_header Host $http_host;
    proxy_read_timeout 60s;
    proxy_next_upstream error timeout http_503;
  }
}
}
`, []string{"nginx", "-e", "DIR/log", "-c", "DIR/nginx.conf", "-g", "daemon off;"}},
}

// fleet is a Redis, the instances that it joins, and the proxy in front. One goroutine uses it.
type fleet struct {
	dir, program string
	port         int // of Redis; those of instances, their admin addresses and the proxy follow
	others       []*exec.Cmd
	running      [instances]*exec.Cmd
}

func (f *fleet) address(i int) string { return fmt.Sprintf("127.0.0.1:%d", f.port+1+i) }
func (f *fleet) front() string        { return fmt.Sprintf("127.0.0.1:%d", f.port+1+2*instances) }

func (f *fleet) begin(ctx context.Context, proxy string) error {
	if err := f.start(ctx, "redis", "redis-server", "--port", fmt.Sprint(f.port), "--bind", "127.0.0.1", "--save", "", "--dir", f.dir); err != nil {
		return err
	}
	for i := range instances {
		if err := f.serve(ctx, i); err != nil {
			return err
		}
	}
	p := proxies[proxy]
	fill := strings.NewReplacer("DIR", f.dir, "FRONT", f.front(), "server a A", "server a "+f.address(0), "server b B", "server b "+f.address(1),
		"server c C", "server c "+f.address(2), "server A ", "server "+f.address(0)+" ", "server B ", "server "+f.address(1)+" ", "server C ", "server "+f.address(2)+" ")
	if err := os.WriteFile(filepath.Join(f.dir, p.file), []byte(fill.Replace(p.text)), 0o644); err != nil { //nolint:gosec // workers of another user read it
		return err
	}
	run := strings.Split(fill.Replace(strings.Join(p.run, "\n")), "\n")
	if err := f.start(ctx, proxy, run[0], run[1:]...); err != nil {
		return err
	}
	return f.ready(ctx, f.front())
}

// start starts what ends with the fleet.
func (f *fleet) start(_ context.Context, name, program string, args ...string) error {
	c, err := f.run(name, program, args...)
	if err == nil {
		f.others = append(f.others, c)
	}
	return err
}

// run starts a program in a process group of its own, so that Ctrl-C reaches this one alone.
func (f *fleet) run(name, program string, args ...string) (*exec.Cmd, error) {
	log, err := os.OpenFile(filepath.Join(f.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	c := exec.Command(program, args...) //nolint:noctx // end ends it
	c.Stdout, c.Stderr = log, log
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	return c, c.Start()
}

// serve starts an instance, and returns once it is ready and joined to Redis.
func (f *fleet) serve(ctx context.Context, i int) error {
	c, err := f.run(fmt.Sprint("instance", i), f.program, "serve", "--listen", f.address(i),
		"--admin-listen", fmt.Sprintf("127.0.0.1:%d", f.port+1+instances+i), "--redis-url", fmt.Sprintf("redis://127.0.0.1:%d", f.port),
		"--drain-delay", "1s", "--drain-window", "3s", "--drain-timeout", "5s")
	if err != nil {
		return err
	}
	f.running[i] = c
	return f.ready(ctx, f.address(i))
}

func (f *fleet) ready(ctx context.Context, address string) error {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline) && ctx.Err() == nil; pause(ctx, 50*time.Millisecond) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", http.NoBody)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			continue
		}
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("%s does not come up", address)
}

// restart restarts an instance, and waits until the proxy has seen that it is back.
func (f *fleet) restart(ctx context.Context, i int) error {
	stop(f.running[i])
	f.running[i] = nil
	if err := f.serve(ctx, i); err != nil {
		return err
	}
	pause(ctx, time.Second)
	return ctx.Err()
}

func stop(c *exec.Cmd) {
	if c != nil && c.Process != nil {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait() // its log says more
	}
}

func (f *fleet) end() {
	for _, c := range f.running {
		stop(c)
	}
	for i := len(f.others) - 1; i >= 0; i-- {
		stop(f.others[i])
	}
}
