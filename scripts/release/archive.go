package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// file is one file of an archive.
type file struct {
	name    string // with the archive's one folder
	mode    fs.FileMode
	content []byte
}

// given are the files and folders of the repository that each archive has.
var given = []string{"CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md", "deploy"}

// contents is what goes into the archive: the program, what the repository gives, and the licences.
func contents(folder, binary string, licences []byte) ([]file, error) {
	program, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	files := []file{
		{path.Join(folder, filepath.Base(binary)), 0o755, program},
		{path.Join(folder, "THIRD_PARTY_LICENCES.txt"), 0o644, licences},
	}
	repository := os.DirFS(".")
	for _, root := range given {
		err := fs.WalkDir(repository, root, func(name string, entry fs.DirEntry, err error) error { // in the order of names
			if err != nil || entry.IsDir() || path.Ext(name) == ".go" {
				return err
			}
			content, err := fs.ReadFile(repository, name)
			files = append(files, file{path.Join(folder, name), 0o644, content})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// create writes an archive. Whatever fails, no half of one stays.
func create(name string, files []file, date time.Time, write func(io.Writer, []file, time.Time) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	err = write(f, files, date)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = os.Remove(name)
	}
	return err
}

func tarGz(w io.Writer, files []file, date time.Time) error {
	packed, err := gzip.NewWriterLevel(w, gzip.BestCompression) // its head has no time and no name
	if err != nil {
		return err
	}
	t := tar.NewWriter(packed)
	for _, f := range files {
		head := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: int64(f.mode), Size: int64(len(f.content)), ModTime: date}
		if err := t.WriteHeader(head); err != nil {
			return err
		}
		if _, err := t.Write(f.content); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return packed.Close()
}

func zipped(w io.Writer, files []file, date time.Time) error {
	z := zip.NewWriter(w)
	for _, f := range files {
		head := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: date}
		head.SetMode(f.mode)
		to, err := z.CreateHeader(head)
		if err != nil {
			return err
		}
		if _, err := to.Write(f.content); err != nil {
			return err
		}
	}
	return z.Close()
}
