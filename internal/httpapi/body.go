package httpapi

import (
	"bytes"
	"encoding/json"
	"mime"

	"backbone/internal/domain/common"
	"backbone/protocol"
)

// form is how a body holds its events.
type form uint8

const (
	single form = iota
	array
	lines
)

// mediaLines is the media type of JSON lines.
const mediaLines = "application/x-ndjson"

const blanks = " \t\r\n"

// each calls f for each event of a body, until f reports false. The error is of the whole body.
func each(d *common.Decoder, media string, body []byte, f func(*common.Object, error) bool) (form, error) {
	if inLines(media, body) {
		return lines, eachLine(d, body, f)
	}
	of := single
	err := d.Batch(body, func(index int, o *common.Object, err error) bool {
		if index >= 0 {
			of = array
		}
		return f(o, err)
	})
	return of, err
}

// inLines reports whether a body has one event a line: it says so, or its first line is a whole object and
// others follow.
func inLines(media string, body []byte) bool {
	switch media, _, _ := mime.ParseMediaType(media); media {
	case mediaLines, "application/ndjson", "application/jsonl", "application/x-jsonlines":
		return true
	}
	first, rest, _ := bytes.Cut(bytes.TrimLeft(body, blanks), []byte("\n"))
	return bytes.HasPrefix(first, []byte("{")) && len(bytes.Trim(rest, blanks)) > 0 && json.Valid(first)
}

func eachLine(d *common.Decoder, body []byte, f func(*common.Object, error) bool) error {
	some := false
	for line := range bytes.SplitSeq(body, []byte("\n")) {
		if line = bytes.Trim(line, blanks); len(line) == 0 {
			continue
		}
		some = true
		o, err := d.Object(line)
		if !f(o, err) {
			return nil
		}
	}
	if !some {
		return common.Errorf(protocol.CodeInvalidJSON, "must be one JSON object a line, got none")
	}
	return nil
}
