package docs_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDecisionsListTheDependencies compares the table of dependencies with the
// requirements of go.mod that are not marked as indirect.
func TestDecisionsListTheDependencies(t *testing.T) {
	var want, got []string
	for _, m := range regexp.MustCompile(`(?m)^(?:require )?\s*(\S+/\S+|\S+\.\S+) v\S+$`).FindAllStringSubmatch(read(t, "../go.mod"), -1) {
		want = append(want, m[1])
	}
	_, table, _ := strings.Cut(read(t, "decisions.md"), "\n## Dependencies\n")
	for _, row := range regexp.MustCompile(`(?m)^\|[^|]*\|([^|]*)\|`).FindAllStringSubmatch(table, -1) {
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			got = append(got, m[1])
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the table has\n%s\ngo.mod requires\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
