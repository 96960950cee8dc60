package client

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"

	"backbone/protocol"
)

// PublishJSON is [Ingestor.Publish] for an event of any type that the server knows. event is
// encoded by encoding/json, so it may be a struct, a map or a json.RawMessage. The result must
// be an object with a "type" and without an "id", because the client sets the id. If event
// cannot be encoded, or is not such an object, the error is a *[RequestError], and nothing is
// sent. The server checks the other fields.
func (p *Ingestor) PublishJSON(ctx context.Context, event any) error {
	data, err := encodeEvent(event)
	if err != nil {
		return err
	}
	return p.s.enqueue(ctx, request{data: data})
}

// PublishJSONAck is [Ingestor.PublishAck] for an event of any type; see PublishJSON.
func (p *Ingestor) PublishJSONAck(ctx context.Context, event any) error {
	data, err := encodeEvent(event)
	if err != nil {
		return err
	}
	_, err = p.s.do(ctx, func(c *call) []byte { return withID(data, c.id) })
	return err
}

// PublishJSONAsync is [Ingestor.PublishAsync] for an event of any type; see PublishJSON.
func (p *Ingestor) PublishJSONAsync(ctx context.Context, event any) (*Pending, error) {
	data, err := encodeEvent(event)
	if err != nil {
		return nil, err
	}
	return p.async(ctx, func(c *call) []byte { return withID(data, c.id) })
}

// encodeEvent returns the message of an event without an id. Its error is a *RequestError.
func encodeEvent(event any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(event); err != nil {
		return nil, invalid(CodeInvalidJSON, "the event cannot be encoded: %v", err)
	}
	data := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if !serverReads(data) { // a json.RawMessage may hold more than encoding/json writes itself
		return nil, invalid(CodeInvalidJSON, "the event must be JSON in UTF-8 without half surrogate pairs, got %q", clip(string(data)))
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil || fields == nil {
		return nil, invalid(CodeInvalidJSON, "the event must be a JSON object, got %s", clip(string(data)))
	}
	var kind string
	if json.Unmarshal(fields["type"], &kind) != nil || kind == "" {
		return nil, invalid(CodeInvalidEvent, "type: expected the name of the event's type, got %s", clip(string(fields["type"])))
	}
	if _, has := fields["id"]; has {
		return nil, invalid(CodeUnknownField, "id: expected none, the client sets it")
	}
	if n := len(data) + maxIDField; n > protocol.MaxMessageBytes {
		return nil, invalid(CodeInvalidEvent, "the event: %d bytes with an id, expected at most %d", n, protocol.MaxMessageBytes)
	}
	return data, nil
}

const maxIDField = len(`,"id":"18446744073709551615"`)

// withID returns a copy of the object data with id as its last field.
func withID(data []byte, id uint64) []byte {
	b := make([]byte, 0, len(data)+maxIDField)
	b = append(b, data[:len(data)-1]...)
	return append(appendID(b, id), '}')
}

// appendID appends the field of an id, if id is one.
func appendID(b []byte, id uint64) []byte {
	if id == 0 {
		return b
	}
	b = append(b, `,"id":"`...)
	b = strconv.AppendUint(b, id, 10)
	return append(b, '"')
}
