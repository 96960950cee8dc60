package exchange

import (
	"strings"
	"testing"

	"backbone/internal/feed"
)

func TestMapping(t *testing.T) {
	m, err := NewMapping([]string{"BTCUSDT", "ETHUSDT=ETH_USDT", "A=B=", "C=D=E", "@107=HYPE", "@108="}, "x:")
	want := map[string]string{"BTCUSDT": "x:BTCUSDT", "ETHUSDT": "ETH_USDT", "A=B": "x:A=B", "C=D": "E", "@107": "HYPE", "@108": "x:@108"}
	if err != nil || len(m.Symbols) != len(want) {
		t.Fatalf("%+v, %v", m, err)
	}
	for symbol, instrument := range want {
		if m.instruments[symbol] != instrument {
			t.Errorf("%s is %s, want %s", symbol, m.instruments[symbol], instrument)
		}
	}
	for args, says := range map[string]string{
		"A A": "A is named twice", "A=X B=X": "A and B cannot both be the instrument X", "B A=B": "B and A cannot both",
		"=X": "names no symbol", "=": "names no symbol", "A=a\"b": "its name", "A\x01": `"A\x01"=NAME`, "A=" + strings.Repeat("x", 129): "its name",
	} {
		if _, err := NewMapping(strings.Fields(args), ""); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", args, err, says)
		}
	}
}

func TestDataKeepsTheDigits(t *testing.T) {
	for _, c := range []struct {
		price feed.Price
		want  string
	}{
		{feed.Price{}, ""},
		{feed.Price{Size: "0.30500000", Side: feed.Sell, ID: "61"}, `{"size":0.30500000,"side":"sell","id":"61"}`},
		{feed.Price{Bid: "1E-8", Ask: "2.0"}, `{"bid":1E-8,"ask":2.0}`},
		{feed.Price{Size: "NaN", Side: "?", ID: `a"b`, Bid: "", Ask: "+1"}, `{"id":"a\"b"}`},
	} {
		if got := string(data(&c.price)); got != c.want {
			t.Errorf("%+v: %s, want %s", c.price, got, c.want)
		}
	}
}
