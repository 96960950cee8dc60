package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const guarantees = "guarantees.md"

// tests are all tests and benchmarks of the module, as "package.Test".
func tests(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz)\w*)\(`)
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range function.FindAllSubmatch(text, -1) {
			found[filepath.Base(filepath.Dir(path))+"."+string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var testName = regexp.MustCompile("`(\\w+\\.(?:Test|Benchmark|Fuzz)\\w*)`")

// TestGuaranteesNameFunctions looks in the sources for the code that a mechanism's change names.
func TestGuaranteesNameFunctions(t *testing.T) {
	code := sources(t)
	rows := regexp.MustCompile("(?m)^\\|[^|]*\\|([^|]*)\\|[^|]*`\\w+\\.Test").FindAllStringSubmatch(read(t, guarantees), -1)
	n := 0
	for _, row := range rows {
		for _, m := range regexp.MustCompile("`([a-z]\\w*)`").FindAllStringSubmatch(row[1], -1) {
			n++
			if !strings.Contains(code, " "+m[1]+"(") {
				t.Errorf("%s: there is no function %s", guarantees, m[1])
			}
		}
	}
	if n < 3 {
		t.Errorf("found only %d names of functions", n)
	}
}

// TestGuaranteesNameTests looks for every test that the page names. Each promise and
// each mechanism must name one.
func TestGuaranteesNameTests(t *testing.T) {
	exist := tests(t)
	text := read(t, guarantees)
	for _, m := range testName.FindAllStringSubmatch(text, -1) {
		if !exist[m[1]] {
			t.Errorf("%s: there is no test %s", guarantees, m[1])
		}
	}
	_, promises, _ := strings.Cut(text, "## What is promised")
	promises, rest, _ := strings.Cut(promises, "\n## ")
	_, mechanisms, _ := strings.Cut(rest, "|---|---|---|\n")
	mechanisms, _, _ = strings.Cut(mechanisms, "\n\n")
	for what, list := range map[string][]string{
		"promise":   strings.Split(promises, "\n**")[1:],
		"mechanism": strings.Split(mechanisms, "\n"),
	} {
		if len(list) < 7 {
			t.Errorf("there are only %d entries of the kind %s", len(list), what)
		}
		for _, entry := range list {
			if !testName.MatchString(entry) {
				t.Errorf("this %s names no test: %s", what, entry)
			}
		}
	}
}
