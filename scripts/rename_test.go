// Package scripts holds the scripts to what they promise.
package scripts

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRename renames a copy of the module. What the copy imports must still be there, and its
// own rules about imports must still hold.
func TestRename(t *testing.T) {
	const module = "git.example.com/acme/prices-2"
	dir := t.TempDir()
	copyTree(t, "..", dir)
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	old := strings.TrimSpace(run("go", "list", "-m"))
	run("bash", "scripts/rename", module)
	if got := strings.TrimSpace(run("go", "list", "-m")); got != module {
		t.Errorf("the module is %s", got)
	}
	run("go", "vet", ".", "./protocol", "./client/...")
	run("go", "test", "-count=1", "-run", "^TestArch", ".")
	if files := strings.TrimSpace(run("gofmt", "-l", "client", "protocol", "internal", "cmd")); files != "" {
		t.Errorf("not formatted: %s", files)
	}
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"go get " + module + "/client\n```\n": true, `"` + module + `/client"`: true, "go doc " + module + "/client": true,
		`"` + old + `/client"`: false, "public home": false, "bin/backbone serve": true,
	} {
		if strings.Contains(string(readme), text) != want {
			t.Errorf("README.md: %q is there: %v, want %v", text, !want, want)
		}
	}
	if again := run("bash", "scripts/rename", module); !strings.Contains(again, "already") {
		t.Errorf("a second time it says %s", again)
	}
	if out, err := exec.Command("bash", filepath.Join(dir, "scripts/rename"), "no-host").CombinedOutput(); err == nil || !strings.Contains(string(out), "usage:") {
		t.Errorf("a path without a host: %v, %s", err, out)
	}
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name == ".git" || name == "bin" {
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		if name == ".git" || !entry.Type().IsRegular() { // a worktree has a file of that name
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), text, info.Mode())
	})
	if err != nil {
		t.Fatal(err)
	}
}
