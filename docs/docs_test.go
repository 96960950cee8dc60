// Package docs_test holds the documents to the program: what they show is played
// against a server, and what they list is compared with the code.
package docs_test

import (
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"go.uber.org/goleak"

	"backbone/internal/config"
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

// section is the part of a page below one heading.
type section struct {
	title string
	all   []block
}

// block is a fenced block of a page.
type block struct {
	role  string   // first word of its info string
	flags []string // the other words
	line  int      // of the page, where it begins
	lines []string // without empty ones
}

// blocks returns those whose info string begins with one of roles.
func (s section) blocks(roles ...string) (found []block) {
	for _, b := range s.all {
		for _, role := range roles {
			if b.role == role {
				found = append(found, b)
			}
		}
	}
	return found
}

// sections cuts a page at its headings.
func sections(t *testing.T, file string) []section {
	t.Helper()
	found := []section{{title: file}}
	var open *block
	for i, line := range strings.Split(read(t, file), "\n") {
		at := &found[len(found)-1]
		info, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			words := append(strings.Fields(info), "")
			open = &block{role: words[0], line: i + 1}
			if words[0] != "" {
				open.flags = words[1 : len(words)-1]
			}
		case fence:
			at.all, open = append(at.all, *open), nil
		case open != nil:
			if line != "" {
				open.lines = append(open.lines, line)
			}
		case strings.HasPrefix(line, "#"):
			found = append(found, section{title: strings.TrimLeft(line, "# ")})
		}
	}
	if open != nil {
		t.Fatalf("%s:%d: the block does not end", file, open.line)
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
