package reload

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"
)

// maxFile is how large a file may be that is read several times a second.
const maxFile = 64 << 20

// sum tells apart what files hold, without keeping it: it may be secret.
type sum [sha256.Size]byte

func sumOf(files []File) (s sum) {
	h := sha256.New()
	for _, f := range files {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(f.Text))))
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(f.Mode)))
		h.Write(f.Text)
	}
	h.Sum(s[:0])
	return s
}

// regular reports whether all files can be read again.
func regular(files []File) bool {
	return !slices.ContainsFunc(files, func(f File) bool { return !f.Mode.IsRegular() })
}

// readAgain reads files that were regular. One that is something else now, such as a pipe, is an
// error: opening it could wait without end.
func readAgain(paths []string) ([]File, error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s: is no regular file any more", path)
		}
	}
	return read(paths)
}

func read(paths []string) ([]File, error) {
	files := make([]File, 0, len(paths))
	for _, path := range paths {
		f, err := readOne(path)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func readOne(path string) (File, error) {
	f, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return File{}, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return File{}, err
	}
	if len(text) > maxFile {
		return File{}, fmt.Errorf("%s: is larger than %d MiB", path, maxFile>>20)
	}
	return File{Path: path, Text: text, Mode: info.Mode()}, nil
}
