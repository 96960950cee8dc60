// Package conformance plays the vectors of the protocol against a server, whoever wrote it. The
// vectors are the examples of docs/protocol.md and the pages in the folder vectors, in one format:
//
//   - A section begins at a heading, and has a server, a consumer and an ingestor of its own.
//   - A fenced block whose info string begins with "consumer" or "ingestor" is what that peer says and
//     hears. What follows the word are flags that the server must have been started with.
//   - A line "-> TEXT" is a message that the peer sends, and "<- TEXT" the next one that it hears. A
//     line "=> TEXT" is what a member of the room hears, who joins before the block.
//   - "-> (binary) TEXT" is a binary message, "-> (not UTF-8)" and "-> (65537 bytes)" are text messages
//     that a server may not take. "<- close CODE REASON" is a close.
//   - In a block "handshake", "-> PATH [SUBPROTOCOL]" asks for a connection, and "<- STATUS
//     [SUBPROTOCOL]" is the answer.
package conformance

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"backbone/docs"
)

//go:embed vectors
var pages embed.FS

// Section is the part of a page below one heading.
type Section struct {
	Page  string // its file
	Title string
	All   []Block
}

// Block is a fenced block of a page.
type Block struct {
	Role  string   // first word of its info string
	Flags []string // the other words
	Line  int      // of the page, where it begins
	Lines []string // without empty ones
}

// Blocks returns those whose info string begins with one of roles.
func (s Section) Blocks(roles ...string) (found []Block) {
	for _, b := range s.All {
		for _, role := range roles {
			if b.Role == role {
				found = append(found, b)
			}
		}
	}
	return found
}

// playable returns the blocks that are vectors.
func (s Section) playable() []Block { return s.Blocks("consumer", "ingestor", "handshake") }

// Flags are those that the server needs for this section.
func (s Section) Flags() []string {
	if blocks := s.playable(); len(blocks) > 0 {
		return blocks[0].Flags
	}
	return nil
}

// Parse cuts a page at its headings.
func Parse(page, text string) ([]Section, error) {
	found := []Section{{Page: page, Title: page}}
	var open *Block
	for i, line := range strings.Split(text, "\n") {
		at := &found[len(found)-1]
		info, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			open = &Block{Line: i + 1}
			if words := strings.Fields(info); len(words) > 0 {
				open.Role, open.Flags = words[0], words[1:]
			}
		case fence:
			at.All, open = append(at.All, *open), nil
		case open != nil:
			if line != "" {
				open.Lines = append(open.Lines, line)
			}
		case strings.HasPrefix(line, "#"):
			found = append(found, Section{Page: page, Title: strings.TrimLeft(line, "# ")})
		}
	}
	if open != nil {
		return nil, fmt.Errorf("%s:%d: the block does not end", page, open.Line)
	}
	return found, nil
}

// Vectors returns all sections that can be played.
func Vectors() ([]Section, error) {
	found, err := Page("docs/protocol.md", docs.Protocol)
	if err != nil {
		return nil, err
	}
	err = fs.WalkDir(pages, "vectors", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := pages.ReadFile(path)
		if err != nil {
			return err
		}
		more, err := Page(path, string(text))
		found = append(found, more...)
		return err
	})
	return found, err
}

// Page returns the sections of a page that can be played.
func Page(page, text string) (found []Section, err error) {
	all, err := Parse(page, text)
	for _, s := range all {
		if len(s.playable()) > 0 {
			found = append(found, s)
		}
	}
	return found, err
}
