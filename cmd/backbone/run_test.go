package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"backbone/internal/cli"
)

func TestRunWritesHelpToItsOwnStreams(t *testing.T) {
	var out, stderr bytes.Buffer
	s := cli.Streams{In: strings.NewReader(""), Out: &out, Err: &stderr}
	if code := run(context.Background(), []string{"demo", "--help"}, cli.NewOperator(), s); code != 0 || !strings.Contains(out.String(), "--redis-url") || stderr.Len() > 0 {
		t.Errorf("exit code %d, output %q, errors %q", code, &out, &stderr)
	}
}
