package docs_test

import (
	"os/exec"
	"strings"
	"testing"
)

// What subscribe.md says of times in awk holds for each awk that is installed.
func TestAwkPrintsTimesAsAdvised(t *testing.T) {
	t.Parallel()
	found := false
	for _, awk := range [][]string{{"awk"}, {"mawk"}, {"gawk"}, {"busybox", "awk"}} {
		program, err := exec.LookPath(awk[0])
		if err != nil {
			continue
		}
		found = true
		cmd := exec.CommandContext(t.Context(), program, append(awk[1:], `{ printf "%.0f", $1 - 1000 }`)...)
		cmd.Stdin = strings.NewReader("1710000000123\n")
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != "1709999999123" {
			t.Errorf("%v: %s, %v", awk, out, err)
		}
	}
	if !found {
		t.Skip("there is no awk")
	}
}
