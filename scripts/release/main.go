// Command release builds what is given out, into dist: for each system an archive with the
// program, its manual pages, the licences of what is in it and the files of deploy, and a list of its parts
// (CycloneDX); for all of them SHA256SUMS. The same commit and the same Go give the same bytes, in
// any folder and on any machine.
//
//	go run ./scripts/release [-out dist] [-only linux/amd64,...]
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// targets are the systems that archives are built for.
var targets = []string{
	"linux/amd64", "linux/arm64", "linux/arm",
	"darwin/amd64", "darwin/arm64",
	"windows/amd64", "windows/arm64",
	"freebsd/amd64", "freebsd/arm64",
}

// lister writes the list of parts.
const lister = "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0"

func main() {
	out := flag.String("out", "dist", "folder for what is built")
	only := flag.String("only", strings.Join(targets, ","), "systems to build for, with commas")
	flag.Parse()
	if err := release(*out, strings.Split(*only, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func release(out string, targets []string) error {
	date, err := commitDate()
	if err != nil {
		return err
	}
	licences, err := texts()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil { //nolint:gosec // what is given out may be read
		return err
	}
	old, err := filepath.Glob(filepath.Join(out, "backbone_*"))
	if err != nil {
		return err
	}
	for _, file := range old { // of another commit
		if err := os.RemoveAll(file); err != nil {
			return err
		}
	}
	pages, err := manPages()
	if err != nil {
		return err
	}
	var built []string
	for _, target := range targets {
		files, err := build(out, target, date, licences, pages)
		if err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
		built = append(built, files...)
	}
	return sums(out, built)
}

// commitDate is the time of the commit, and of all files in the archives. A tree with changes is an
// error: no commit would tell what was built.
func commitDate() (time.Time, error) {
	changes, err := command("git", "status", "--porcelain")
	if err != nil {
		return time.Time{}, err
	}
	if changes != "" {
		return time.Time{}, errors.New("there are changes that are not committed: commit them first, or put them away (git stash)")
	}
	text, err := command("git", "log", "-1", "--format=%ct")
	if err != nil {
		return time.Time{}, err
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(seconds, 0).UTC(), err
}

// build writes the archive of one target and its list of parts, and returns the names.
func build(out, target string, date time.Time, licences []byte, pages []file) (names []string, err error) {
	system, arch, _ := strings.Cut(target, "/")
	work, err := os.MkdirTemp("", "release")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work) //nolint:errcheck // a temporary folder
	binary := filepath.Join(work, "backbone")
	if system == "windows" {
		binary += ".exe"
	}
	// Neither the folder nor the linker's own mark is left in the program.
	compile := exec.Command("go", "build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w -buildid=", "-o", binary, "./cmd/backbone")
	compile.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0", "GOARM=7")
	compile.Stderr = os.Stderr
	if err := compile.Run(); err != nil {
		return nil, fmt.Errorf("go build: %w", err)
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	if info.Main.Version == "(devel)" {
		return nil, errors.New("the Go tool does not see the commit: run this in a clone, not in a further work tree of one")
	}
	name := fmt.Sprintf("backbone_%s_%s_%s", strings.TrimPrefix(info.Main.Version, "v"), system, arch)
	parts := name + ".cdx.json"
	if _, err := command("go", "run", lister, "bin", "-json", "-std", "-licenses", "-assert-licenses", "-noserial", "-notimestamp",
		"-version", info.Main.Version, "-output", filepath.Join(out, parts), binary); err != nil {
		return nil, err
	}
	files, err := contents(name, binary, licences)
	if err != nil {
		return nil, err
	}
	for _, p := range pages {
		files = append(files, file{name + "/" + p.name, p.mode, p.content})
	}
	archive := name + ".tar.gz"
	write := tarGz
	if system == "windows" {
		archive, write = name+".zip", zipped
	}
	if err := create(filepath.Join(out, archive), files, date, write); err != nil {
		return nil, err
	}
	fmt.Println(filepath.Join(out, archive))
	return []string{archive, parts}, nil
}

// manPages are the manual pages, which the program makes of its help.
func manPages() (pages []file, err error) {
	work, err := os.MkdirTemp("", "release")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work) //nolint:errcheck // a temporary folder
	binary := filepath.Join(work, "backbone")
	if _, err := command("go", "build", "-trimpath", "-buildvcs=true", "-o", binary, "./cmd/backbone"); err != nil {
		return nil, err
	}
	folder := filepath.Join(work, "man")
	if _, err := command(binary, "man", "--out", folder); err != nil {
		return nil, err
	}
	names, err := filepath.Glob(filepath.Join(folder, "*.1"))
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		pages = append(pages, file{"man/man1/" + filepath.Base(name), 0o644, content})
	}
	return pages, err
}

// sums writes SHA256SUMS, which "sha256sum -c" reads.
func sums(out string, names []string) error {
	slices.Sort(names)
	var text strings.Builder
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%x  %s\n", sha256.Sum256(data), name)
	}
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(text.String()), 0o644) //nolint:gosec // what is given out may be read
}

// command returns what a program prints.
func command(name string, args ...string) (string, error) {
	c := exec.Command(name, args...)
	var complaint strings.Builder
	c.Stderr = &complaint
	printed, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, args[0], err, strings.TrimSpace(complaint.String()))
	}
	return strings.TrimSpace(string(printed)), nil
}
