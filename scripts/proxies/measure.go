//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// load is what each measurement does.
type load struct {
	readers     int
	rate        int // events a second
	rooms       int
	warmup, run time.Duration
}

// measured is the result of one.
type measured struct {
	p50, p99 float64 // age in milliseconds
	cut      int
	wrong    string // what else went wrong, empty if nothing did
}

func (m measured) String() string {
	text := fmt.Sprintf("%s, %s", seconds(m.p50), seconds(m.p99))
	if m.cut > 0 {
		text += fmt.Sprintf("; %d cut off", m.cut)
	}
	if m.wrong != "" {
		text += "; " + m.wrong
	}
	return text
}

func seconds(ms float64) string {
	digits := 2
	if ms >= 9950 {
		digits = 0
	} else if ms >= 995 {
		digits = 1
	}
	return strconv.FormatFloat(ms/1000, 'f', digits, 64) + " s"
}

// measure has slow readers read from one address what is published to another.
func (l load) measure(ctx context.Context, backbone, server, from, readRate string) (m measured, err error) {
	cmd := exec.CommandContext(ctx, backbone, "bench", "--json",
		"--url=ws://"+server, "--consume-url=ws://"+from,
		"--consumers=1", "--rooms="+strconv.Itoa(l.rooms), "--joins="+strconv.Itoa(l.rooms), "--rate="+strconv.Itoa(l.rate),
		"--slow-readers="+strconv.Itoa(l.readers), "--read-rate="+readRate, "--receive-buffer=-1",
		"--warmup="+l.warmup.String(), "--for="+l.run.String(), "--drain=20s")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	var out, told bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &told
	failed := cmd.Run()
	var result struct {
		Readers struct {
			Age struct{ P50, P99 *float64 } `json:"age_ms"`
			Cut int                         `json:"cut_off"`
		} `json:"slow_readers"`
		Delivery struct{ Lost, Duplicated, OutOfOrder, Miscounted, Malformed int }
	}
	if err := json.Unmarshal(out.Bytes(), &result); err != nil || result.Readers.Age.P50 == nil {
		return m, fmt.Errorf("backbone bench: %w: %s", failed, strings.TrimSpace(told.String()))
	}
	m.p50, m.p99, m.cut = *result.Readers.Age.P50, *result.Readers.Age.P99, result.Readers.Cut
	// What a reader missed because its connection was lost is told by the number of those.
	if d := result.Delivery; d.Lost+d.Duplicated+d.OutOfOrder+d.Miscounted+d.Malformed > 0 {
		m.wrong = fmt.Sprintf("WRONG: %+v", d)
	}
	return m, nil
}
