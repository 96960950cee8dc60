// Package human formats numbers, durations and errors of the SDK for people. The commands, the
// load report and the screen share it.
package human

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"backbone/client"
)

// Group writes n with commas between thousands.
func Group[N int | int64 | uint64](n N) string { // counts outgrow an int of 32 bits
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Count writes a rate: a fraction only where it matters.
func Count(n float64) string {
	if n != 0 && math.Abs(n) < 10 {
		return digits(n)
	}
	return Group(int64(math.Round(n)))
}

// Things writes how many there are of something: "1 room", "2,000 rooms".
func Things(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return Group(n) + " " + what
}

// Millis writes milliseconds in three digits and a fitting unit, and a dash for what was
// not measured.
func Millis(ms *float64) string {
	if ms == nil {
		return "-"
	}
	v, unit := *ms, "ms"
	switch {
	case v < 1:
		v, unit = v*1000, "us"
	case v >= 1000:
		v, unit = v/1000, "s"
	}
	return digits(v) + " " + unit
}

// Brief writes a duration in at most 9 characters, and a dash for 0.
func Brief(d time.Duration) string {
	switch {
	case d == 0:
		return "-"
	case d < time.Millisecond:
		return fmt.Sprintf("%d us", d.Microseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	}
	return d.Round(time.Second).String()
}

// digits writes v with three significant digits, or all those before the point.
func digits(v float64) string {
	decimals := 2
	if v >= 9.995 {
		decimals = 1
	}
	if v >= 99.95 {
		decimals = 0
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

// Error is the text of an error of the SDK, without the SDK's name in front.
func Error(err error) string {
	return strings.TrimPrefix(Cause(err).Error(), "client: ")
}

// Cause is the error behind a *client.ConnectError, whose own text repeats the URL. Any
// other error is returned unchanged.
func Cause(err error) error {
	if failed, ok := errors.AsType[*client.ConnectError](err); ok && failed.Err != nil {
		return failed.Err
	}
	return err
}
