package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"backbone/internal/config"
)

// TestCommandsOfThePagesAreRight parses each command of the documents as the program would. What
// pages show of what it does is tested beside them, in docs.
func TestCommandsOfThePagesAreRight(t *testing.T) {
	t.Setenv("BACKBONE_API_KEY", "")
	parser := newParser(new(config.Lines))
	found, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, page := range append(found, "../../README.md", "../../CONTRIBUTING.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range regexp.MustCompile("(?ms)^```sh\\b[^\n]*\n(.*?)^```$").FindAllSubmatch(text, -1) {
			for _, args := range commandsOf(strings.ReplaceAll(string(block[1]), "\\\n", " ")) {
				n++
				if _, err := parser.Parse(negativeNumbers(usual(args))); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s: backbone %s: %v", filepath.Base(page), strings.Join(args, " "), err)
				}
			}
		}
	}
	if n < 80 {
		t.Errorf("found only %d commands", n)
	}
}

// ends are the words of a shell behind which a command's arguments are at their end.
var ends = append(strings.Fields("| ; & ( ) < > 2>> 2>"), "\n")

// commandsOf are the arguments of each backbone that lines of a shell run.
func commandsOf(lines string) (commands [][]string) {
	words := regexp.MustCompile(`\n|#[^\n]*|'[^']*'|"[^"]*"|2>+|[|;&()<>]|[^\s|;&()<>]+`).FindAllString(lines, -1)
	for i := 0; i < len(words); i++ {
		first := i == 0 || slices.Contains(ends, words[i-1]) || slices.Contains([]string{"do", "exec"}, words[i-1]) || strings.Contains(words[i-1], "=")
		if !first || strings.TrimPrefix(words[i], "bin/") != "backbone" {
			continue
		}
		args := []string{}
		for i++; i < len(words) && !slices.Contains(ends, words[i]) && words[i][0] != '#'; i++ {
			switch word := words[i]; word[0] {
			case '\'', '"':
				args = append(args, word[1:len(word)-1])
			case '$':
				args = append(args, "1")
			default:
				args = append(args, word)
			}
		}
		commands = append(commands, args)
	}
	return commands
}
