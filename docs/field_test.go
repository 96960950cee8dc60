package docs_test

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestFieldCommandsShowSomething looks for what the commands of field.md name: packages, tests
// of these packages, and targets of the Makefile. A row that nothing can show says why.
func TestFieldCommandsShowSomething(t *testing.T) {
	makefile := read(t, "../Makefile")
	exist := slices.Collect(maps.Keys(tests(t)))
	const escaped = "\x00" // a pipe within a cell
	rows, commands := 0, 0
	for i, line := range strings.Split(read(t, "field.md"), "\n") {
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| tried |") {
			continue
		}
		rows++
		cells := strings.Split(strings.ReplaceAll(line, `\|`, escaped), "|")
		if len(cells) != 6 {
			t.Errorf("line %d: %d cells, want 4: tried, from, now, command", i+1, len(cells)-2)
			continue
		}
		now, shown := cells[3], regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[4], -1)
		if len(shown) == 0 && !strings.Contains(now, "out of scope") && !strings.Contains(now, "not built yet") {
			t.Errorf("line %d: nothing shows it, and it is neither out of scope nor not built yet", i+1)
		}
		for _, m := range shown {
			commands++
			if fault := commandFault(strings.ReplaceAll(m[1], escaped, "|"), makefile, exist); fault != "" {
				t.Errorf("line %d: %s: %s", i+1, m[1], fault)
			}
		}
	}
	if rows < 40 || commands < 40 {
		t.Errorf("found only %d rows and %d commands", rows, commands)
	}
}

// commandFault is what keeps a command from showing anything, or "". exist are all tests.
func commandFault(command, makefile string, exist []string) string {
	words := strings.Fields(command)
	switch {
	case len(words) == 2 && words[0] == "make":
		if !strings.Contains(makefile, "\n"+words[1]+":") {
			return "the Makefile has no such target"
		}
		return ""
	case len(words) < 3 || words[0] != "go" || words[1] != "test":
		return "expected go test with packages, or make with a target"
	}
	var folders []string
	pattern := ""
	for i := 2; i < len(words); i++ {
		switch {
		case words[i] == "-run" && i+1 < len(words):
			i++
			pattern, _, _ = strings.Cut(strings.Trim(words[i], "'"), "/")
		case strings.HasPrefix(words[i], "./"):
			folders = append(folders, words[i])
		default:
			return "unknown word " + words[i]
		}
	}
	run, err := regexp.Compile(pattern)
	switch {
	case err != nil:
		return err.Error()
	case folders == nil:
		return "names no package"
	}
	for _, folder := range folders {
		runs := func(name string) bool {
			pkg, function, _ := strings.Cut(name, ".")
			return pkg == path.Base(folder) && !strings.HasPrefix(function, "Benchmark") && run.MatchString(function)
		}
		if !slices.ContainsFunc(exist, runs) {
			return "no test in " + folder + " has such a name"
		}
	}
	return ""
}
