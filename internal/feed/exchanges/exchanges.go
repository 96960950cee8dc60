// Package exchanges lists the exchanges. A new one is a line here.
package exchanges

import (
	"backbone/internal/feed"
	"backbone/internal/feed/binance"
	"backbone/internal/feed/bitfinex"
	"backbone/internal/feed/bitget"
	"backbone/internal/feed/bitmex"
	"backbone/internal/feed/bitstamp"
	"backbone/internal/feed/bybit"
	"backbone/internal/feed/coinbase"
	"backbone/internal/feed/deribit"
	"backbone/internal/feed/gate"
	"backbone/internal/feed/htx"
	"backbone/internal/feed/hyperliquid"
	"backbone/internal/feed/kraken"
	"backbone/internal/feed/kucoin"
	"backbone/internal/feed/okx"
	"backbone/internal/feed/upbit"
)

// All returns the exchanges, in the order in which they are listed to people.
func All() []feed.Exchange {
	return []feed.Exchange{
		binance.Spot(),
		binance.USDM(),
		bybit.Spot(),
		bybit.Linear(),
		coinbase.New(),
		okx.New(),
		kraken.New(),
		bitstamp.New(),
		htx.New(),
		bitget.Spot(),
		bitget.Futures(),
		hyperliquid.New(),
		deribit.New(),
		gate.Spot(),
		gate.USDT(),
		bitfinex.New(),
		kucoin.New(),
		bitmex.New(),
		upbit.New(),
	}
}

// Find returns an exchange by its name.
func Find(name string) (feed.Exchange, bool) {
	for _, e := range All() {
		if e.Name == name {
			return e, true
		}
	}
	return feed.Exchange{}, false
}

// Names are the names of all.
func Names() (names []string) {
	for _, e := range All() {
		names = append(names, e.Name)
	}
	return names
}
