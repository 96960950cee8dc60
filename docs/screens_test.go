package docs_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestEachCommandHasAScreen compares screens.md with the commands of the program. No screen is wider
// or taller than its terminal.
func TestEachCommandHasAScreen(t *testing.T) {
	_, fields, _ := strings.Cut(read(t, "../cmd/backbone/run.go"), "type program struct")
	shown := map[string]bool{}
	for _, part := range strings.Split(read(t, "screens.md"), "\n## ")[1:] {
		heading, text, _ := strings.Cut(part, "\n")
		_, name, _ := strings.Cut(strings.Trim(heading, "`"), " ")
		for i, screen := range regexp.MustCompile("(?ms)^```\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
			width, height := 80, 24
			if i == 1 && strings.Contains(text, "\nWith 200 columns") {
				width, height = 200, 50
			}
			shown[name] = true
			if n := strings.Count(screen[1], "\n"); n > height {
				t.Errorf("%s: %d lines", name, n)
			}
			for line := range strings.Lines(screen[1]) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
					t.Errorf("%s: %d columns: %s", name, n, line)
				}
			}
		}
	}
	n := 0
	for _, m := range regexp.MustCompile("(?m)^\t(\\w+) +\\S+ +`cmd:\"\"(?: name:\"(\\w+)\")? help:").FindAllStringSubmatch(fields, -1) {
		name := m[2]
		if name == "" {
			name = strings.ToLower(m[1])
		}
		if n++; !shown[name] {
			t.Errorf("%s has no screen: scripts/screens/run makes them", name)
		}
	}
	if n < 20 {
		t.Errorf("found only %d commands", n)
	}
}
