package server_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backbone/client"
	"backbone/internal/config"
	"backbone/internal/server"
)

// onSocket are the options of a client of a Unix socket.
func onSocket(path string) client.Options {
	return client.Options{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
}

func TestAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backbone.sock")
	// As a killed instance leaves it.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	in := start(t, func(c *config.Serve) { c.Listen, c.MaxConnectionsPerAddress = "unix:"+path, 1 })
	found, err := os.Stat(path)
	if err != nil || found.Mode().Perm() != 0o660 {
		t.Fatalf("the socket is %v, %v", found, err)
	}
	p, err := client.DialIngestor(t.Context(), "ws://backbone", &client.IngestorOptions{Options: onSocket(path)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	for range 2 { // who has no address is not limited by it
		c, err := client.Dial(t.Context(), "ws://backbone", &client.ConnOptions{Options: onSocket(path)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.Join(t.Context(), "A"); err != nil {
			t.Fatal(err)
		}
		if err := p.PublishAck(t.Context(), price("A", 1)); err != nil {
			t.Fatal(err)
		}
		listen(t, c, func(g tally) bool { return g.last == 1 })
	}
	cfg := config.Default()
	cfg.Listen, cfg.AdminListen = "unix:"+path, ""
	second, err := server.Start(t.Context(), cfg, server.Options{Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "is in use") {
		t.Errorf("a second instance: %v", err)
	}
	if second != nil {
		_ = second.Stop() // it should not run
	}
	if err := in.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket is still there")
	}
}

func TestWhatIsNoSocketIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(path, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.Listen, cfg.AdminListen = "unix:"+path, ""
	if _, err := server.Start(t.Context(), cfg, server.Options{Logger: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("got %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "data" {
		t.Errorf("the file is %q, %v", text, err)
	}
}

func TestAPathPrefix(t *testing.T) {
	in := start(t, func(c *config.Serve) { c.PathPrefix = "/prices" })
	for path, want := range map[string]int{
		"/healthz": http.StatusOK, "/readyz": http.StatusOK, "/prices/healthz": http.StatusOK, "/prices/readyz": http.StatusOK,
		"/prices/ws": http.StatusBadRequest, "/ws": http.StatusNotFound, "/prices": http.StatusNotFound, "/prices//readyz": http.StatusNotFound, "/pricesreadyz": http.StatusNotFound,
	} {
		resp, err := http.Get("http://" + in.Addr().String() + path) //nolint:noctx // the server answers or its test fails
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	base := "ws://" + in.Addr().String() + "/prices"
	for _, url := range []string{base, base + "/", base + "/ws"} {
		c, err := client.Dial(t.Context(), url, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		p, err := client.DialIngestor(t.Context(), url, nil)
		if err != nil {
			t.Fatal(err)
		}
		p.Close()
	}
}
