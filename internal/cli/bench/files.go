package bench

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/internal/load"
	"backbone/internal/load/report"
)

// outputs are the files that a run writes. They are opened before it begins: a path
// that cannot be written to should not cost a run. What they hold stays until there is a result.
type outputs []output

type output struct {
	flag  string
	file  *os.File
	write func(io.Writer, *load.Result) error
}

func (c *Run) open() (outputs, error) {
	var files outputs
	for _, f := range []struct {
		flag, path string
		write      func(io.Writer, *load.Result) error
	}{
		{"csv", c.CSV, report.WriteCSV}, {"hdr", c.HDR, report.WriteHDR}, {"html", c.HTML, report.WriteHTML},
	} {
		if f.path == "" {
			continue
		}
		file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE, 0o666) //nolint:gosec // as os.Create makes it, for others to read too
		if err != nil {
			files.close()
			return nil, fmt.Errorf("--%s: %w", f.flag, err)
		}
		for _, other := range files {
			if sameFile(other.file, file) {
				_ = file.Close() // nothing was written
				files.close()
				return nil, config.Errorf(f.flag, "and --%s name the same file: give each its own", other.flag)
			}
		}
		files = append(files, output{f.flag, file, f.write})
	}
	return files, nil
}

// sameFile reports whether what is written to one would overwrite the other; devices
// such as /dev/null may be named often.
func sameFile(a, b *os.File) bool {
	one, errA := a.Stat()
	other, errB := b.Stat()
	return errA == nil && errB == nil && one.Mode().IsRegular() && os.SameFile(one, other)
}

// write writes all files, and says so. The error is that of the first that could not be written.
func (files outputs) write(s cli.Streams, r *load.Result) (first error) {
	for _, f := range files {
		switch err := f.replace(r); {
		case err == nil:
			s.Say("wrote %s", f.file.Name())
		case first == nil:
			first = fmt.Errorf("%s: %w", f.file.Name(), err)
		}
	}
	return first
}

// replace writes the result in place of what the file held. A pipe or a device holds nothing, and
// cannot be synced.
func (f *output) replace(r *load.Result) error {
	w := bufio.NewWriter(f.file)
	info, err := f.file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return cmp.Or(err, f.write(w, r), w.Flush())
	}
	return cmp.Or(f.file.Truncate(0), f.write(w, r), w.Flush(), f.file.Sync())
}

func (files outputs) close() {
	for _, f := range files {
		_ = f.file.Close() // write has synced what was written
	}
}

// print writes the result to standard output.
func (c *Run) print(s cli.Streams, r *load.Result) error {
	if !c.JSON {
		text := report.Table(r)
		if bars := report.Histogram(r); bars != "" {
			text += "\n" + bars
		}
		return s.Print([]byte(text))
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return s.Print(append(text, '\n'))
}
