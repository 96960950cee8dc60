package docs_test

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"backbone/internal/conformance"
)

const readme = "../README.md"

// pages are all documents of the project.
func pages(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"../*.md", "*.md", "../internal/*/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, files...)
	}
	return found
}

// TestReadmeExchange plays the protocol at a glance.
func TestReadmeExchange(t *testing.T) {
	glance := conformance.Section{Page: readme}
	for _, s := range sections(t, readme) {
		glance.All = append(glance.All, s.Blocks("consumer", "ingestor")...)
	}
	if len(glance.All) < 2 {
		t.Error("the examples are gone")
	}
	play(t, glance, nil)
}

// TestReadmeProgram builds the program that shows the SDK, and runs it.
func TestReadmeProgram(t *testing.T) {
	text := read(t, readme)
	_, program, _ := strings.Cut(text, "```go\n")
	program, rest, _ := strings.Cut(program, "```\n")
	_, want, _ := strings.Cut(rest, "```\n")
	want, _, _ = strings.Cut(want, "```")

	// There is no order between two connections: a price that is accepted can be on its way to the hub still
	// when the consumer joins, and comes live then. That is right, but not what the page shows.
	live := strings.Replace(want, "snapshot: true", "snapshot: false", 1)
	got := live
	for range 3 {
		if got = runGo(t, strings.ReplaceAll(program, "127.0.0.1:8080", startServer(t).Addr().String())); got != live {
			break
		}
	}
	if got != want {
		t.Errorf("the program prints\n%s\nthe page says\n%s", got, want)
	}
}

// runGo runs a program, and returns what it prints.
func runGo(t *testing.T, program string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "run", file)
	cmd.Dir = ".."
	got, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	return string(got)
}

// TestPicture reads the README's picture: it shows the demo, and nothing of it has to be
// fetched from elsewhere.
func TestPicture(t *testing.T) {
	if !strings.Contains(read(t, readme), "](docs/demo.svg)") {
		t.Error("the README does not show it")
	}
	var text strings.Builder
	for d := xml.NewDecoder(strings.NewReader(read(t, "demo.svg"))); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if !slices.Contains([]string{"svg", "title", "rect", "circle", "text"}, token.Name.Local) {
				t.Errorf("it has a <%s>", token.Name.Local)
			}
			for _, a := range token.Attr {
				if a.Name.Local != "xmlns" && strings.Contains(a.Value, "//") {
					t.Errorf("it refers to %s", a.Value)
				}
			}
		case xml.CharData:
			text.Write(token)
		}
	}
	for _, want := range []string{"go run ./cmd/backbone demo", "backbone demo", "events/s", "BTC_USDT", "q quits"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("it does not show %q", want)
		}
	}
}

// TestDocumentedMetricsExist looks for every metric that a page names.
func TestDocumentedMetricsExist(t *testing.T) {
	metrics, n := exposed(t), 0
	for _, page := range pages(t) {
		for _, name := range regexp.MustCompile("`((?:backbone|process)_[a-z_]+(?:\\{[^}`]*\\})?)`").FindAllStringSubmatch(read(t, page), -1) {
			n++
			if !regexp.MustCompile(`(?m)^(?:# TYPE )?` + regexp.QuoteMeta(name[1]) + `[ {]`).Match(metrics) {
				t.Errorf("%s: there is no metric %s", page, name[1])
			}
		}
	}
	if n < 15 {
		t.Errorf("found only %d names of metrics", n)
	}
}

// TestLinks follows all links between pages, to their headings too.
func TestLinks(t *testing.T) {
	n := 0
	link := regexp.MustCompile(`\]\(([^)#]*)(#[^)]*)?\)`)
	known := map[string][]string{} // anchors by page
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, page), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			n++
			target := page
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(page), m[1])
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %v", page, err)
				continue
			}
			if m[2] != "" && known[target] == nil {
				known[target] = anchors(t, target)
			}
			if m[2] != "" && !slices.Contains(known[target], m[2]) {
				t.Errorf("%s: %s has no heading %s", page, target, m[2])
			}
		}
	}
	if n < 20 {
		t.Errorf("found only %d links", n)
	}
}

// anchors are the headings of a page as links name them.
func anchors(t *testing.T, page string) (found []string) {
	t.Helper()
	for _, s := range sections(t, page) {
		name := strings.ToLower(s.Title)
		name = regexp.MustCompile(`[^\pL\pN _-]`).ReplaceAllString(name, "")
		found = append(found, "#"+strings.ReplaceAll(name, " ", "-"))
	}
	return found
}
