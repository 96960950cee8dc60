package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// module is a module of which the program has code, on any of the systems.
type module struct {
	path  string
	texts []text
}

// text is a licence as a module has it.
type text struct {
	file    string
	kind    string // as SPDX names it
	content string
}

// kinds are the licences that may be in the program, by words that only they have. A text with the
// words of several is the first of them.
var kinds = []struct{ name, words string }{
	{"MIT, Apache-2.0", "are still covered by their original MIT license"}, // of go.yaml.in/yaml
	{"Apache-2.0", "Apache License Version 2.0"},
	{"MIT", "Permission is hereby granted, free of charge, to any person obtaining a copy"},
	{"BSD-3-Clause", "may be used to endorse or promote products derived"},
	{"BSD-2-Clause", "Redistributions in binary form must reproduce the above copyright notice"},
	{"ISC", "distribute this software for any purpose with or without fee is hereby granted"},
}

// kindOf names a licence. The error tells that its like is not known here.
func kindOf(content string) (string, error) {
	words := strings.Join(strings.Fields(content), " ")
	for _, k := range kinds {
		if strings.Contains(words, k.words) {
			return k.name, nil
		}
	}
	return "", errors.New("its licence is none of those that are known: read it, and add it to kinds in scripts/release/licences.go if it may be used")
}

var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice)([.-].*)?$`)

// modules are all modules of the program, by path. The standard library is std.
func modules() ([]module, error) {
	goroot, err := command("go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	folders := map[string]string{"std": goroot}
	systems := map[string]bool{}
	for _, target := range targets {
		system, _, _ := strings.Cut(target, "/")
		if systems[system] {
			continue
		}
		systems[system] = true
		list := exec.Command("go", "list", "-deps", "-json=Module", "./cmd/backbone")
		list.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0", "GOFLAGS=")
		list.Stderr = os.Stderr
		out, err := list.Output()
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		for packages := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct {
				Module *struct {
					Path, Dir string
					Main      bool
				}
			}
			if err := packages.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, err
			}
			if p.Module != nil && !p.Module.Main {
				folders[p.Module.Path] = p.Module.Dir
			}
		}
	}
	var found []module
	for _, path := range slices.Sorted(maps.Keys(folders)) {
		m, err := readModule(path, folders[path])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		found = append(found, m)
	}
	return found, nil
}

func readModule(path, folder string) (module, error) {
	m := module{path: path}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return m, err
	}
	for _, e := range entries {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return m, err
		}
		t := text{file: e.Name(), content: string(content)}
		if !strings.HasPrefix(strings.ToLower(e.Name()), "notice") { // which goes with a licence
			if t.kind, err = kindOf(t.content); err != nil {
				return m, err
			}
		}
		m.texts = append(m.texts, t)
	}
	if m.kinds() == "" {
		return m, errors.New("it has no file with a licence")
	}
	return m, nil
}

// kinds are the names of the module's licences.
func (m module) kinds() string {
	var names []string
	for _, t := range m.texts {
		if t.kind != "" && !slices.Contains(names, t.kind) {
			names = append(names, t.kind)
		}
	}
	return strings.Join(names, ", ")
}

// table is LICENCES.md.
func table(all []module) string {
	var b strings.Builder
	b.WriteString(`# Licences

backbone is under the [Apache License 2.0](LICENSE). These modules have code in the program, on one system or another;
` + "`std`" + ` is Go's standard library. Their texts are in each archive of a release, as THIRD_PARTY_LICENCES.txt. A test
compares the table with the modules; ` + "`go test ./scripts/release -update`" + ` writes it.

| module | licence |
|---|---|
`)
	for _, m := range all {
		fmt.Fprintf(&b, "| `%s` | %s |\n", m.path, m.kinds())
	}
	return b.String()
}

// texts are the licences of all modules, as the archives have them.
func texts() ([]byte, error) {
	all, err := modules()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("The program backbone has code of the modules below, each under its licence.\n")
	for _, m := range all {
		for _, t := range m.texts {
			fmt.Fprintf(&b, "\n%s\n%s: %s\n\n%s\n", strings.Repeat("=", 80), m.path, t.file, strings.TrimSpace(strings.ReplaceAll(t.content, "\r", "")))
		}
	}
	return b.Bytes(), nil
}
