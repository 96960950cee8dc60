//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
)

// blocksOf reads the configurations of a page: its fenced blocks with "run" behind the name of
// the proxy, by that name.
func blocksOf(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	blocks := map[string]string{}
	for rest := string(text); ; {
		_, after, found := strings.Cut(rest, "\n```")
		if !found {
			return blocks, nil
		}
		info, after, _ := strings.Cut(after, "\n")
		block, after, closed := strings.Cut(after, "\n```")
		if !closed {
			return nil, fmt.Errorf("%s: the block %q does not end", file, info)
		}
		rest = after
		name, run := strings.CutSuffix(info, " run")
		if !run {
			continue
		}
		if _, twice := blocks[name]; twice {
			return nil, fmt.Errorf("%s: has two blocks for %s", file, name)
		}
		blocks[name] = block + "\n"
	}
}
