package cli_test

import (
	"strings"
	"testing"

	"backbone/internal/cli"
)

func TestNearNames(t *testing.T) {
	known := []string{"A", "B", "BTC_EUR", "BTC_USDC", "BTC_USDT", "ETH_USDT", "EUR/USD", "SOL_USDT", "X Y"}
	for name, want := range map[string]string{
		"BTC_USDX":  "BTC_USDC, BTC_USDT",
		"btc_usdt":  "BTC_USDT",
		"BTCUSDT":   "BTC_USDT",
		"TBC_USDT":  "BTC_USDT", // two letters
		"EURUSD":    "EUR/USD",
		"eth_usd":   "ETH_USDT",
		"a":         "A", // and not B
		"x y":       `"X Y"`,
		"C":         "",
		"lobby":     "",
		"BTC_USDZZ": "BTC_USDC, BTC_USDT",
		"BTC_USDT":  "BTC_USDC", // not itself
	} {
		if got := strings.Join(cli.Near(name, known), ", "); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
