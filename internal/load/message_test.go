package load

import "testing"

func TestMessagesAreReadAsServersWriteThem(t *testing.T) {
	run := newRooms(12)
	room := run.names[11]
	for text, want := range map[string]message{
		`{"type":"price_update","instrument":"` + room + `","price":7,"ts":1710000000123456789}`:       {room: 11, seq: 7, ts: 1710000000123456789},
		`{"type":"price_update","instrument":"` + room + `","price":7,"ts":0,"snapshot":true}`:         {room: 11, seq: 7, snapshot: true},
		`{"type":"conflated","room":"` + room + `","skipped":37}`:                                      {room: 11, notice: true, skipped: 37},
		`{"type":"price_update","instrument":"` + run.names[1] + `","price":18446744073709551,"ts":1}`: {room: 1, seq: 18446744073709551, ts: 1},
	} {
		got, ok := run.parse([]byte(text))
		if !ok || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "{}", `{"type":"joined","room":"A"}`,
		`{"type":"price_update","instrument":"` + room + `9","price":7,"ts":1}`, // room 119
		`{"type":"price_update","instrument":"` + room + `","price":7.0,"ts":1}`,
		`{"type":"price_update","instrument":"` + room + `","price":7,"ts":}`,
		`{"type":"price_update","instrument":"` + room + `","price":7,"ts":1,"x":1}`,
		`{"type":"price_update","instrument":"` + room + `","price":,"ts":1}`,
		`{"type":"price_update","instrument":"` + room + `","ts":1,"price":7}`,
		`{"type":"price_update","instrument":"` + room + `","price":12345678901234567890,"ts":1}`,
		`{"type":"conflated","room":"` + room + `","skipped":-1}`,
		`{"type":"conflated","room":"` + room + `"}`,
		`{"type":"conflated","room":"other","skipped":1}`,
	} {
		if got, ok := run.parse([]byte(text)); ok {
			t.Errorf("%s: got %+v, want no message of a room of the run", text, got)
		}
	}
}
