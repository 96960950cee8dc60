package main

import (
	"slices"
	"strings"
	"testing"
)

func TestNumbersBelowZeroBelongToTheirFlag(t *testing.T) {
	for args, want := range map[string]string{
		"publish --price -5 --ts -1": "publish --price=-5 --ts=-1",
		"--price -.5":                "--price=-.5",
		"--price=1 -5":               "--price=1 -5",
		"subscribe -5":               "subscribe -5",
		"--file - --ack":             "--file - --ack",
		"-- --price -5":              "-- --price -5",
		"--price -5 -6":              "--price=-5 -6",
	} {
		if got := negativeNumbers(strings.Fields(args)); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: %q, want %s", args, got, want)
		}
	}
}
