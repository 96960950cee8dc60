package flaws

import (
	"strings"
	"testing"
)

func TestFlawsOfVersions(t *testing.T) {
	t.Parallel()
	for info, flawed := range map[string]bool{
		"redis_version:7.4.5":                       true,
		"redis_version:7.4.6":                       false,
		"redis_version:7.4.10":                      false,
		"redis_version:8.0.0":                       true,
		"redis_version:8.0.4":                       false,
		"redis_version:8.2.1":                       true,
		"redis_version:8.2.2":                       false,
		"redis_version:8.4.0":                       false,
		"redis_version:7.2.4":                       false,
		"redis_version:6.0.20":                      false,
		"redis_version:8.0":                         false,
		"redis_version:x.y.z":                       false,
		"":                                          false,
		"gcc_version:12.2.0\r\nredis_version:8.0.1": true,
		"redis_version:7.4.0\r\ndragonfly_version:df-1.3": false,
		"redis_version:8.0.1\r\nvalkey_version:9.1.2":     false,
	} {
		got := Of("# Server\r\n" + info + "\r\nrun_id:1\r\n")
		if (got != "") != flawed || flawed && !strings.Contains(got, "update it to ") {
			t.Errorf("%q: %q, flawed is %t", info, got, flawed)
		}
	}
}
