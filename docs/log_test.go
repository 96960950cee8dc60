package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// sources is the text of all product files of the server.
func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir("../internal", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// TestDocumentedLogLinesExist looks in the sources for every log line that a page shows: those
// of the README's first run, and those that are worth an alert.
func TestDocumentedLogLinesExist(t *testing.T) {
	code := sources(t)
	_, alerts, _ := strings.Cut(read(t, "operations.md"), "\n## Alerts\n")
	lines := regexp.MustCompile("(?m)^- `([^`]+)`").FindAllStringSubmatch(alerts, -1)
	if len(lines) < 5 {
		t.Errorf("found only %d log lines that are worth an alert", len(lines))
	}
	shown := regexp.MustCompile(`(?m)^[\d:.]+ INF (.*?)(?: \w+=.*)?$`).FindAllStringSubmatch(read(t, readme), -1)
	if len(shown) < 2 {
		t.Errorf("found only %d log lines in the README", len(shown))
	}
	for _, m := range append(lines, shown...) {
		if !strings.Contains(code, `"`+m[1]) {
			t.Errorf("nothing logs %q", m[1])
		}
	}
}
