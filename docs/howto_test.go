//go:build unix

package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// needed are the programs without which a page cannot be followed.
var needed = map[string][]string{
	"howto-haproxy.md":    {"haproxy", "redis-server", "openssl", "curl"},
	"howto-exchange.md":   {"curl"},
	"howto-kubernetes.md": {"kubectl", "openssl"},
	"howto-client.md":     {"python3"},
}

// TestHowTo follows each how-to page, if what it needs is installed. A page has one goal, and five
// to eight steps, in each of which something is typed and something is seen.
func TestHowTo(t *testing.T) {
	pages, err := filepath.Glob("howto-*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("%v, %d pages: %v", err, len(pages), pages)
	}
	bin := t.TempDir()
	for _, page := range pages {
		t.Run(strings.TrimSuffix(page, ".md"), func(t *testing.T) {
			steps := regexp.MustCompile(`(?m)^## \d\. `).Split(read(t, page), -1)[1:]
			if len(steps) < 5 || len(steps) > 8 {
				t.Errorf("%d steps", len(steps))
			}
			for i, step := range steps {
				if !strings.Contains(step, "```sh") {
					t.Errorf("step %d types nothing", i+1)
				}
			}
			if !strings.Contains(read(t, "../README.md"), "docs/"+page) {
				t.Error("the README does not lead here")
			}
			for _, program := range needed[page] {
				if _, err := exec.LookPath(program); err != nil {
					t.Skip(err)
				}
			}
			if page == "howto-client.md" {
				python(t)
			}
			follow(t, page, 8, bin)
		})
	}
}

// python has python3 be one that has the package websockets: the first of the path may not.
func python(t *testing.T) {
	t.Helper()
	for _, candidate := range []string{"python3", "/usr/bin/python3"} {
		program, err := exec.LookPath(candidate)
		if err != nil || exec.CommandContext(t.Context(), program, "-c", "import websockets").Run() != nil {
			continue
		}
		dir := t.TempDir()
		if err := os.Symlink(program, filepath.Join(dir, "python3")); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
		return
	}
	t.Skip("no python3 with the package websockets: apt-get install python3-websockets")
}
