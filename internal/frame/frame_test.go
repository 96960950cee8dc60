package frame

import "testing"

func TestHeaders(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bytes  string
		want   Header
		append bool // servers send it
	}{
		"empty text":      {"\x81\x00", Header{Final: true, Opcode: Text}, true},
		"longest short":   {"\x81\x7d", Header{Final: true, Opcode: Text, Length: 125}, true},
		"shortest medium": {"\x81\x7e\x00\x7e", Header{Final: true, Opcode: Text, Length: 126}, true},
		"longest medium":  {"\x81\x7e\xff\xff", Header{Final: true, Opcode: Text, Length: 1<<16 - 1}, true},
		"shortest long":   {"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", Header{Final: true, Opcode: Text, Length: 1 << 16}, true},
		"ping":            {"\x89\x02", Header{Final: true, Opcode: Ping, Length: 2}, true},
		"close":           {"\x88\x02", Header{Final: true, Opcode: Close, Length: 2}, true},
		"first fragment":  {"\x01\x03", Header{Opcode: Text, Length: 3}, false},
		"last fragment":   {"\x80\x03", Header{Final: true, Opcode: Continuation, Length: 3}, false},
		"all bits":        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04", Header{Final: true, Reserved: 7, Opcode: 0xf, Masked: true, Mask: [4]byte{1, 2, 3, 4}, Length: 1<<64 - 1}, false},
		"masked":          {"\x8a\x81\x01\x02\x03\x04", Header{Final: true, Opcode: Pong, Masked: true, Mask: [4]byte{1, 2, 3, 4}, Length: 1}, false},
		"masked medium":   {"\x02\xfe\x01\x00\x01\x02\x03\x04", Header{Opcode: Binary, Masked: true, Mask: [4]byte{1, 2, 3, 4}, Length: 256}, false},
		"long for little": {"\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x05", Header{Final: true, Opcode: Text, Length: 5}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := range c.bytes {
				if _, ok := new(Header).Parse([]byte(c.bytes[:n])); ok {
					t.Errorf("%d of %d bytes are taken for a header", n, len(c.bytes))
				}
			}
			h := Header{Mask: [4]byte{9, 9, 9, 9}, Length: 9} // of a frame before
			size, ok := h.Parse([]byte(c.bytes + "payload"))
			if h != c.want || size != len(c.bytes) || !ok {
				t.Errorf("parsed %+v of %d bytes, %v; want %+v of %d", h, size, ok, c.want, len(c.bytes))
			}
			if got := AppendHeader([]byte("before"), h.Opcode, int(h.Length)); c.append && string(got) != "before"+c.bytes {
				t.Errorf("appended %q", got)
			}
		})
	}
}

func TestControlOpcodes(t *testing.T) {
	t.Parallel()
	for op := range Opcode(16) {
		if op.Control() != (op >= Close) {
			t.Errorf("%#x is a control frame: %v", byte(op), op.Control())
		}
	}
}
