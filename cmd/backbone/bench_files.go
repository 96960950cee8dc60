package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"backbone/internal/cli"
	"backbone/internal/config"
)

// benchFiles are the files that a run writes. They are opened before it begins: a path
// that can not be written to should not cost a run.
type benchFiles []benchFile

type benchFile struct {
	flag  string
	file  *os.File
	write func(io.Writer, *benchResult, *benchRecorder) error
}

func (c *benchCmd) open() (benchFiles, error) {
	var files benchFiles
	for _, f := range []struct {
		flag, path string
		write      func(io.Writer, *benchResult, *benchRecorder) error
	}{
		{"csv", c.CSV, writeCSV}, {"hdr", c.HDR, writeHDR}, {"html", c.HTML, writeHTML},
	} {
		if f.path == "" {
			continue
		}
		file, err := os.Create(f.path)
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
		files = append(files, benchFile{f.flag, file, f.write})
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

// write writes all files.
func (files benchFiles) write(r *benchResult, rec *benchRecorder) error {
	for _, f := range files {
		w := bufio.NewWriter(f.file)
		if err := errors.Join(f.write(w, r, rec), w.Flush(), f.file.Sync()); err != nil {
			return fmt.Errorf("%s: %w", f.file.Name(), err)
		}
	}
	return nil
}

func (files benchFiles) close() {
	for _, f := range files {
		_ = f.file.Close() // write has synced what was written
	}
}

// writeCSV writes the course of the run. Fields of what was not measured are empty.
func writeCSV(w io.Writer, r *benchResult, _ *benchRecorder) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"t_s", "delivered_per_s", "conflated_per_s", "p50_ms", "p90_ms", "p99_ms", "p99_9_ms", "max_ms"}}
	number := func(v *float64) string {
		if v == nil {
			return ""
		}
		return strconv.FormatFloat(*v, 'f', 6, 64)
	}
	for _, in := range r.Series {
		at, delivered, conflated := in.TS, float64(in.Delivered)/r.IntervalS, float64(in.Conflated)/r.IntervalS
		rows = append(rows, []string{number(&at), number(&delivered), number(&conflated),
			number(in.P50), number(in.P90), number(in.P99), number(in.P999), number(in.Max)})
	}
	return out.WriteAll(rows)
}

// writeHDR writes the latencies of consumers that read at full speed.
func writeHDR(w io.Writer, _ *benchResult, rec *benchRecorder) error {
	const ticksPerHalf = 5 // the resolution that HdrHistogram's own programs use
	_, err := rec.kinds[normalConsumer].PercentilesPrint(w, ticksPerHalf, 1e6)
	return err
}

// print writes the result to standard output.
func (c *benchCmd) print(s cli.Streams, r *benchResult) error {
	if !c.JSON {
		return s.Print([]byte(r.table()))
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return s.Print(append(text, '\n'))
}
