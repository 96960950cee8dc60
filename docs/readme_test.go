package docs_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"backbone/internal/config"
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

// TestReadmeListsTheFlags compares the table of flags with those of "backbone serve".
func TestReadmeListsTheFlags(t *testing.T) {
	var cli struct {
		Config config.File
		config.Serve
	}
	parser, err := kong.New(&cli, config.Env())
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, f := range parser.Model.Flags {
		if f.Name == "help" {
			continue
		}
		row := fmt.Sprintf("| `--%s` | `%s` |", f.Name, f.Envs[0])
		if f.Default != "" {
			row += " `" + f.Default + "`"
		}
		want = append(want, row+" |")
	}
	rows := regexp.MustCompile("(?m)^(\\| `--[a-z-]+` \\| [^|]*\\|[^|]*\\|)")
	for _, m := range rows.FindAllStringSubmatch(read(t, readme), -1) {
		got = append(got, m[1])
	}
	if !slices.Equal(got, want) {
		t.Errorf("the table has\n%s\nthe flags are\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestReadmeExchange plays the protocol at a glance.
func TestReadmeExchange(t *testing.T) {
	p := &player{t: t, address: startServer(t).Addr().String(), peers: map[string]*peer{}}
	for _, s := range sections(t, readme) {
		for _, b := range s.blocks("consumer", "ingestor") {
			p.play(b)
		}
	}
	if len(p.peers) != 2 {
		t.Error("the examples are gone")
	}
	for role := range p.peers {
		p.nothingMore(role)
	}
}

// TestReadmeProgram builds the program that shows the SDK, and runs it.
func TestReadmeProgram(t *testing.T) {
	text := read(t, readme)
	_, program, _ := strings.Cut(text, "```go\n")
	program, rest, _ := strings.Cut(program, "```\n")
	_, want, _ := strings.Cut(rest, "```\n")
	want, _, _ = strings.Cut(want, "```")

	address := startServer(t).Addr().String()
	program = strings.ReplaceAll(program, "127.0.0.1:8080", address)
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "run", file)
	cmd.Dir = ".."
	got, err := cmd.CombinedOutput()
	if err != nil || string(got) != want {
		t.Errorf("%v; the program prints\n%s\nthe page says\n%s", err, got, want)
	}
}

// TestReadmeConfigFile reads the page's file as "backbone serve --config" does.
func TestReadmeConfigFile(t *testing.T) {
	_, text, _ := strings.Cut(read(t, readme), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	file := filepath.Join(t.TempDir(), "backbone.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var cli struct {
		Config config.File
		Serve  config.Serve `cmd:""`
	}
	parser, err := kong.New(&cli, kong.Bind(&config.Lines{}))
	if err == nil {
		_, err = parser.Parse([]string{"serve", "--config", file})
	}
	if err != nil {
		t.Fatal(err)
	}
	if cli.Serve.LastPriceTTL != time.Minute || len(cli.Serve.AllowedOrigins) != 1 {
		t.Errorf("the file gives %+v", cli.Serve)
	}
}

// TestDocumentedMetricsExist looks for every metric that a page names.
func TestDocumentedMetricsExist(t *testing.T) {
	s := startServer(t, "--admin-listen=127.0.0.1:0", "--redis-url=redis://127.0.0.1:1")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.AdminAddr().String()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it is read
	metrics, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, page := range pages(t) {
		for _, name := range regexp.MustCompile("`((?:backbone|process)_[a-z_]+(?:\\{[^}`]*\\})?)`").FindAllStringSubmatch(read(t, page), -1) {
			n++
			if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name[1]) + `[ {]`).Match(metrics) {
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
	for _, page := range pages(t) {
		for _, m := range regexp.MustCompile(`\]\(([^)#]*)(#[^)]*)?\)`).FindAllStringSubmatch(read(t, page), -1) {
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
			} else if m[2] != "" && !slices.Contains(anchors(t, target), m[2]) {
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
		name := strings.ToLower(s.title)
		name = regexp.MustCompile(`[^\pL\pN _-]`).ReplaceAllString(name, "")
		found = append(found, "#"+strings.ReplaceAll(name, " ", "-"))
	}
	return found
}
