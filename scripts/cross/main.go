// Command cross checks that every package and its tests compile for one system of each
// kind that Go's users have: the Unixes, Windows, and 32 bits. It compiles nothing: it
// reads the sources that each system would compile and checks their types, of other
// modules and the standard library only what can be seen from here. It prints what does
// not fit and ends with exit code 1.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

var targets = []string{
	"linux/386", "linux/arm", // an int has 32 bits
	"linux/amd64", "linux/arm64", // each of these has a release: see scripts/release
	"windows/amd64", "windows/arm64", // no Unix
	"darwin/amd64", "darwin/arm64", "freebsd/amd64", "freebsd/arm64",
	"openbsd/amd64", "netbsd/amd64",
}

func main() {
	failed := false
	for _, target := range targets {
		faults, err := check(target)
		if err != nil {
			faults = append(faults, err)
		}
		told := map[string]bool{} // a package has the same fault again where its tests see it
		for _, fault := range faults {
			if text := fault.Error(); !told[text] {
				told[text] = true
				fmt.Fprintf(os.Stderr, "%s: %s\n", target, text)
			}
		}
		failed = failed || len(faults) > 0
	}
	if failed {
		os.Exit(1)
	}
	fmt.Println("compiles on", strings.Join(targets, ", "))
}

// listed is what go list says about a package, or about the variant that its tests see.
type listed struct {
	Dir, ImportPath string
	GoFiles         []string
	ImportMap       map[string]string // path in the source, to that of a vendored package or variant
	Module          *struct{ Main bool }
	Error           *struct{ Err string }
}

// check returns what of this module does not compile for a target. The error is one of
// going through the packages at all.
func check(target string) (faults []error, err error) {
	system, arch, _ := strings.Cut(target, "/")
	list := exec.Command("go", "list", "-e", "-deps", "-test", "-tags=hostile", "-json=Dir,ImportPath,GoFiles,ImportMap,Module,Error", "./...")
	list.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	known := imports{"unsafe": types.Unsafe}
	for packages := json.NewDecoder(bytes.NewReader(out)); ; { // each behind those that it imports
		var p listed
		if err := packages.Decode(&p); errors.Is(err, io.EOF) {
			return faults, nil
		} else if err != nil {
			return faults, fmt.Errorf("go list: %w", err)
		}
		switch {
		case p.Error != nil:
			faults = append(faults, errors.New(p.Error.Err))
		case p.ImportPath == "unsafe" || strings.HasSuffix(p.ImportPath, ".test"): // a test's main is written when it is built
		default:
			faults = append(faults, known.add(p, arch)...)
		}
	}
}

// imports holds the packages of one target by their import paths.
type imports map[string]*types.Package

// add checks the types of a package and returns what is wrong.
func (known imports) add(p listed, arch string) (faults []error) {
	heard := func(err error) { faults = append(faults, err) }
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			heard(err)
			continue
		}
		files = append(files, f)
	}
	own := p.Module != nil && p.Module.Main
	checker := types.Config{
		Sizes:            types.SizesFor("gc", arch),
		IgnoreFuncBodies: !own,
		Error:            heard,
		Importer: importer(func(path string) (*types.Package, error) {
			if mapped, ok := p.ImportMap[path]; ok {
				path = mapped
			}
			if found, ok := known[path]; ok {
				return found, nil
			}
			return nil, fmt.Errorf("%s has no files here", path)
		}),
	}
	known[p.ImportPath], _ = checker.Check(p.ImportPath, set, files, nil) // heard has its errors
	return faults
}

// importer is a function as a types.Importer.
type importer func(path string) (*types.Package, error)

func (i importer) Import(path string) (*types.Package, error) { return i(path) }
