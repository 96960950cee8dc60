package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"backbone/internal/cli"
)

// Each command has a page with what its help has: examples, and all flags.
func TestEachCommandHasAPage(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "man1")
	said := new(strings.Builder)
	if code := run(t.Context(), []string{"man", "--out", folder}, cli.NewOperator(), cli.Streams{Out: said, Err: said}); code != cli.ExitDone || !strings.HasPrefix(said.String(), "wrote ") {
		t.Fatalf("exit code %d, said %s", code, said)
	}
	plain := strings.NewReplacer(`\-`, "-", `\e`, `\`, `\fB`, "", `\fI`, "", `\fR`, "", `\&`, "")
	all := allCommands(t)
	for _, path := range all {
		name := strings.Join(append([]string{"backbone"}, path...), "-")
		page, err := os.ReadFile(filepath.Join(folder, name+".1"))
		if err != nil {
			t.Error(err)
			continue
		}
		var help strings.Builder
		if code := run(t.Context(), append(path, "--help"), cli.NewOperator(), cli.Streams{Out: &help, Err: said}); code != cli.ExitDone {
			t.Fatalf("%s: exit code %d", name, code)
		}
		text := strings.Join(strings.Fields(plain.Replace(string(page))), " ")
		examples, rest, _ := strings.Cut(help.String(), "\n\n")
		if want := strings.Join(strings.Fields(strings.TrimPrefix(examples, "Examples:")), " "); !strings.Contains(text, ".SH EXAMPLES .EX "+want+" .EE") {
			t.Errorf("%s: no example of %q in\n%s", name, want, page)
		}
		for _, word := range strings.Fields(rest) {
			flag := strings.HasPrefix(word, "--") && !strings.HasPrefix(word, "--config=") && !strings.HasPrefix(word, "--help")
			if flag && !strings.Contains(text, word) {
				t.Errorf("%s: no %s in\n%s", name, word, page)
			}
		}
		if lint, err := exec.LookPath("mandoc"); err == nil {
			out, err := exec.Command(lint, "-T", "lint", "-W", "warning", filepath.Join(folder, name+".1")).Output()
			for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
				if line != "" && !strings.Contains(line, "missing date") { // the commit has one
					t.Errorf("%s, %v", line, err)
				}
			}
		}
	}
	if pages, err := os.ReadDir(folder); err != nil || len(pages) != len(all) {
		t.Errorf("%d pages of %d commands, %v", len(pages), len(all), err)
	}
}
