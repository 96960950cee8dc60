package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write LICENCES.md")

// The tests run in the root of the module, as the command does.
func TestMain(m *testing.M) {
	if err := os.Chdir("../.."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// TestLicences compares LICENCES.md with the modules of the program on all systems. It fails for a
// licence that is not known, and for a new module.
func TestLicences(t *testing.T) {
	all, err := modules()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 15 {
		t.Errorf("found only %d modules", len(all))
	}
	const name = "LICENCES.md"
	if *update {
		if err := os.WriteFile(name, []byte(table(all)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if want := table(all); string(kept) != want {
		t.Errorf("%s is not current. Read what is new, then write it with go test ./scripts/release -update. It should be\n%s", name, want)
	}
}

func TestKindOf(t *testing.T) {
	for content, want := range map[string]string{
		"                                 Apache License\n                           Version 2.0, January 2004": "Apache-2.0",
		"Permission is hereby granted, free of\ncharge, to any person obtaining a copy":                         "MIT",
		"GNU GENERAL PUBLIC LICENSE": "",
	} {
		got, err := kindOf(content)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is taken for %q, %v", content, got, err)
		}
	}
}

// TestArchivesAreReproducible writes the same files twice.
func TestArchivesAreReproducible(t *testing.T) {
	files := []file{{"backbone/backbone", 0o755, bytes.Repeat([]byte("program"), 1000)}, {"backbone/README.md", 0o644, []byte("read me")}}
	date := time.Date(2026, 11, 28, 4, 15, 0, 0, time.UTC)
	for name, write := range map[string]func(io.Writer, []file, time.Time) error{"tar.gz": tarGz, "zip": zipped} {
		var first, second bytes.Buffer
		for _, to := range []*bytes.Buffer{&first, &second} {
			if err := write(to, files, date); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("%s differs from itself", name)
		}
	}
}
