//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// proxy is one that Debian has. Its configuration is the block of the page with the role
// of its name; the rest is what lets it run next to other programs of
// the machine.
type proxy struct {
	name  string // of the block, and of the Debian package where pkg is empty
	title string // of the page's section
	pkg   string
	// public is what the block has for the address that clients use, with ADDRESS and PORT in
	// what takes its place.
	public, local string
	// frame is the whole configuration, with DIR, ADDRESS and BLOCK. The proxy's own defaults
	// hold for everything else.
	frame string
	file  string // in DIR
	// run are the arguments that run it in the foreground, version those that print its version,
	// with DIR in them.
	run, version []string
	reload       reload
}

// reload is how a proxy is told to read its configuration again: by a signal, or by a command.
type reload struct {
	signal  syscall.Signal
	command []string
}

func (r reload) String() string {
	if r.command != nil {
		return strings.Join(r.command[:2], " ")
	}
	return map[syscall.Signal]string{syscall.SIGHUP: "SIGHUP", syscall.SIGUSR1: "SIGUSR1", syscall.SIGUSR2: "SIGUSR2"}[r.signal]
}

var proxies = []proxy{
	{
		name: "nginx", title: "nginx", public: "listen 80;", local: "listen ADDRESS;", file: "nginx.conf",
		frame: `pid DIR/pid;
error_log DIR/log;
events {}
http {
access_log off;
client_body_temp_path DIR/body;
proxy_temp_path DIR/proxy;
fastcgi_temp_path DIR/fastcgi;
uwsgi_temp_path DIR/uwsgi;
scgi_temp_path DIR/scgi;
BLOCK}
`,
		run:     []string{"nginx", "-e", "DIR/log", "-c", "DIR/nginx.conf", "-g", "daemon off;"},
		version: []string{"nginx", "-v"},
		reload:  reload{signal: syscall.SIGHUP},
	},
	{
		name: "haproxy", title: "HAProxy", public: "bind :80", local: "bind ADDRESS", file: "haproxy.cfg",
		frame: "BLOCK",
		run:   []string{"haproxy", "-W", "-db", "-f", "DIR/haproxy.cfg"}, version: []string{"haproxy", "-v"},
		reload: reload{signal: syscall.SIGUSR2},
	},
	{
		name: "apache", title: "Apache", pkg: "apache2", public: "<VirtualHost *:80>", local: "<VirtualHost ADDRESS>", file: "apache.conf",
		frame: `ServerRoot DIR
ServerName localhost
PidFile DIR/pid
ErrorLog DIR/log
Mutex file:DIR
Listen ADDRESS
<IfModule unixd_module>
User www-data
Group www-data
</IfModule>
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
BLOCK`,
		run:     []string{"apache2", "-D", "FOREGROUND", "-f", "DIR/apache.conf"},
		version: []string{"apache2", "-v"},
		reload:  reload{signal: syscall.SIGUSR1},
	},
	{
		name: "caddy", title: "Caddy", public: ":80 {", local: "http://ADDRESS {", file: "Caddyfile",
		frame: `{
	admin unix//DIR/admin
	auto_https off
}
BLOCK`,
		run:     []string{"env", "HOME=DIR", "XDG_CONFIG_HOME=DIR", "XDG_DATA_HOME=DIR", "caddy", "run", "--config", "DIR/Caddyfile", "--adapter", "caddyfile"},
		version: []string{"caddy", "version"},
		reload:  reload{command: []string{"caddy", "reload", "--force", "--config", "DIR/Caddyfile", "--adapter", "caddyfile", "--address", "unix//DIR/admin"}},
	},
	{
		name: "lighttpd", title: "lighttpd", public: "server.port = 80", local: "server.bind = \"127.0.0.1\"\nserver.port = PORT", file: "lighttpd.conf",
		frame: `server.document-root = "DIR"
server.errorlog = "DIR/log"
BLOCK`,
		run:     []string{"lighttpd", "-D", "-f", "DIR/lighttpd.conf"},
		version: []string{"lighttpd", "-v"},
		reload:  reload{signal: syscall.SIGUSR1},
	},
}

// upstream is the address of the server in the page's blocks, in the two ways that proxies
// write it.
const (
	upstream       = "127.0.0.1:8080"
	upstreamQuoted = `"host" => "127.0.0.1", "port" => 8080`
)

// configure is the whole configuration: the page's block for this address, before that server.
func (p *proxy) configure(block, dir, address, server string) (string, error) {
	host, port, _ := strings.Cut(address, ":")
	serverHost, serverPort, _ := strings.Cut(server, ":")
	for _, change := range [][2]string{
		{p.public, strings.NewReplacer("ADDRESS", host+":"+port, "PORT", port).Replace(p.local)},
		{p.upstream(), strings.NewReplacer("127.0.0.1", serverHost, "8080", serverPort).Replace(p.upstream())},
	} {
		if n := strings.Count(block, change[0]); n != 1 {
			return "", fmt.Errorf("the page's block for %s has %q %d times, expected once", p.name, change[0], n)
		}
		block = strings.Replace(block, change[0], change[1], 1)
	}
	return strings.NewReplacer("DIR", dir, "ADDRESS", address, "BLOCK", block).Replace(p.frame), nil
}

func (p *proxy) upstream() string {
	if p.name == "lighttpd" {
		return upstreamQuoted
	}
	return upstream
}

// debian is the name of its package.
func (p *proxy) debian() string {
	if p.pkg != "" {
		return p.pkg
	}
	return p.name
}

// start runs it before the server, with the page's block.
func (p *proxy) start(all *processes, dir, block, server string) (*standing, error) {
	dir, err := os.MkdirTemp(dir, p.name+"-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // workers of another user look into it
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	text, err := p.configure(block, dir, address, server)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, p.file), []byte(text), 0o644); err != nil { //nolint:gosec // the same
		return nil, err
	}
	process, err := all.start(p.name, in(dir, p.run))
	if err != nil {
		return nil, err
	}
	s := &standing{proxy: p, dir: dir, address: address, process: process}
	return s, process.wait(address)
}

// in puts a directory into arguments.
func in(dir string, arguments []string) []string {
	var all []string
	for _, a := range arguments {
		all = append(all, strings.ReplaceAll(a, "DIR", dir))
	}
	return all
}

// standing is a proxy that runs.
type standing struct {
	proxy   *proxy
	dir     string
	address string
	process *process
}

// reload has it read its configuration again.
func (s *standing) reload() error {
	if c := s.proxy.reload.command; c != nil {
		arguments := in(s.dir, c)
		out, err := exec.Command(arguments[0], arguments[1:]...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", s.proxy.reload, err, out)
		}
		return nil
	}
	return s.process.cmd.Process.Signal(s.proxy.reload.signal)
}
