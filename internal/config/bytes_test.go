package config_test

import (
	"testing"

	"backbone/internal/config"
)

func TestBytes(t *testing.T) {
	for text, want := range map[string]struct {
		bytes config.Bytes
		short string
	}{
		"0": {0, "0"}, "1000": {1000, "1000"}, "1024": {1024, "1KiB"}, "512MiB": {512 << 20, "512MiB"}, "512 MiB": {512 << 20, "512MiB"},
		"2GB": {2e9, "1953125KiB"}, "3kB": {3000, "3000"}, "7B": {7, "7"}, "2048MiB": {2 << 30, "2GiB"},
	} {
		var got config.Bytes
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want.bytes || got.String() != want.short {
			t.Errorf("%s is %d, written %v: %v", text, got, got, err)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5GiB", "1TB", "x", "99999999999GiB"} {
		if err := new(config.Bytes).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
