package feed

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
)

// Gunzip unpacks frames that are gzip. The zero Gunzip is ready. One goroutine uses it.
type Gunzip struct {
	reader gzip.Reader
	text   bytes.Buffer
}

// Bytes returns what data unpacks to, valid until the next call. More than MaxFrame bytes are an
// error.
func (g *Gunzip) Bytes(data []byte) ([]byte, error) {
	if err := g.reader.Reset(bytes.NewReader(data)); err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	g.text.Reset()
	n, err := io.Copy(&g.text, io.LimitReader(&g.reader, MaxFrame+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("gzip: %w", err)
	case n > MaxFrame:
		return nil, fmt.Errorf("gzip: it unpacks to more than %d bytes", MaxFrame)
	}
	return g.text.Bytes(), nil
}
