package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestOperationsNameLogLines looks for every log line that is worth an alert in the sources.
func TestOperationsNameLogLines(t *testing.T) {
	var sources strings.Builder
	err := filepath.WalkDir("../internal", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		sources.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(read(t, "operations.md"), "\n## Alerts\n")
	lines := regexp.MustCompile("(?m)^- `([^`]+)`").FindAllStringSubmatch(list, -1)
	for _, m := range lines {
		if !strings.Contains(sources.String(), `"`+m[1]) {
			t.Errorf("nothing logs %q", m[1])
		}
	}
	if len(lines) < 5 {
		t.Errorf("found only %d log lines", len(lines))
	}
}
