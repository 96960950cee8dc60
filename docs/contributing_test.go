package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestContributingNamesFiles looks for every file and folder that the list of where things are
// names. Those to be made have a <name>.
func TestContributingNamesFiles(t *testing.T) {
	_, text, _ := strings.Cut(read(t, "../CONTRIBUTING.md"), "\n## Where things are\n")
	text, _, _ = strings.Cut(text, "\n## ")
	n := 0
	for _, m := range regexp.MustCompile("`([a-z_]+(?:/[a-z_]+)*(?:\\.go|\\.md)|[a-z_]+(?:/[a-z_]+)+)`").FindAllStringSubmatch(text, -1) {
		n++
		if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
			t.Error(err)
		}
	}
	if n < 25 {
		t.Errorf("found only %d names", n)
	}
}
