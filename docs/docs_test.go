// Package docs_test holds the documents to the program: what they show is played
// against a server, and what they list is compared with the code.
package docs_test

import (
	"os"
	"testing"

	"github.com/alecthomas/kong"
	"go.uber.org/goleak"

	"backbone/internal/config"
	"backbone/internal/conformance"
	"backbone/internal/server"
	"backbone/internal/server/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sections cuts a page at its headings.
func sections(t *testing.T, file string) []conformance.Section {
	t.Helper()
	found, err := conformance.Parse(file, read(t, file))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// startServer runs a server on a free port, with the flags of "backbone serve".
func startServer(t *testing.T, flags ...string) *server.Running {
	t.Helper()
	var cfg config.Serve
	parser, err := kong.New(&cfg)
	if err == nil {
		_, err = parser.Parse(append([]string{"--listen=127.0.0.1:0", "--admin-listen="}, flags...))
	}
	if err != nil {
		t.Fatal(err)
	}
	return servertest.Start(t, func(c *config.Serve) { *c = cfg })
}
