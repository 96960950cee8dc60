package backbone_test

import (
	"flag"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

var updateAPI = flag.Bool("update-api", false, "write the listings in api instead of comparing with them")

// TestAPI compares what the public packages declare with the listings in api, so that a
// change of it is seen in review.
func TestAPI(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"client", "client/book", "client/clienttest", "client/redundant", "protocol"} {
		file := "api/" + strings.ReplaceAll(dir, "/", "-") + ".txt"
		out, err := exec.Command("go", "doc", "-all", "./"+dir).Output()
		if err != nil {
			t.Fatalf("go doc -all ./%s: %v", dir, err)
		}
		got := declarations(string(out))
		if *updateAPI {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if gone, added := difference(string(want), got); gone != "" || added != "" {
			t.Errorf("the API of %s is not that of %s. Where programs that use it would break, say so in CHANGELOG.md; "+
				"then accept the change with \"make api\".\ngone:\n%sadded:\n%s", dir, file, gone, added)
		}
	}
}

var comment = regexp.MustCompile(`\s*//.*$`)

// declarations is the output of go doc -all without its prose: a change of words does not
// change the API.
func declarations(doc string) string {
	var lines []string
	began := false
	for line := range strings.Lines(doc) {
		line = strings.TrimRight(line, "\n")
		switch line {
		case "CONSTANTS", "VARIABLES", "FUNCTIONS", "TYPES":
			began = true
		}
		if line = comment.ReplaceAllString(line, ""); began && line != "" && !strings.HasPrefix(line, "    ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// difference returns the lines that only the first text has, and those that only the second
// has. A line that moved is in both.
func difference(before, after string) (gone, added string) {
	count := map[string]int{}
	for line := range strings.Lines(before) {
		count[line]++
	}
	for line := range strings.Lines(after) {
		if count[line]--; count[line] < 0 {
			added += line
		}
	}
	for line := range strings.Lines(before) {
		if count[line] > 0 {
			count[line]--
			gone += line
		}
	}
	if gone == "" && added == "" && before != after {
		return "", "the same lines in another order\n"
	}
	return gone, added
}
