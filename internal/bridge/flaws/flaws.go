// Package flaws knows which versions of Redis have faults in what the bridge uses.
package flaws

import (
	"fmt"
	"strconv"
	"strings"
)

// repaired is the first release of a series whose faults are mended. The faults of all of them are
// in scripts and in Pub/Sub, together with active defragmentation.
var repaired = [][3]int{{7, 4, 6}, {8, 0, 4}, {8, 2, 2}}

// Of returns what is wrong with the server of which info is what INFO says in the section "server",
// in one line for a log; "" if nothing is known. Relatives of Redis that name a version of Redis which
// they are compatible with are none of these.
func Of(info string) string {
	var redis string
	for line := range strings.Lines(info) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch {
		case key == "redis_version":
			redis = value
		case strings.HasSuffix(key, "_version") && key != "gcc_version":
			return "" // as valkey_version
		}
	}
	version, ok := parse(redis)
	if !ok {
		return ""
	}
	for _, r := range repaired {
		if version[0] == r[0] && version[1] == r[1] && version[2] < r[2] {
			return fmt.Sprintf("Redis %s has known faults in scripts and Pub/Sub, by which it can crash: update it to %d.%d.%d or newer", redis, r[0], r[1], r[2])
		}
	}
	return ""
}

// parse reads three numbers with dots between them.
func parse(text string) (v [3]int, ok bool) {
	parts := strings.Split(text, ".")
	if len(parts) != len(v) {
		return v, false
	}
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil {
			return v, false
		}
		v[i] = n
	}
	return v, true
}
