#!/usr/bin/env bash
# orderbooks 1.1.14 trims a book that is deeper than maxDepth: of the asks it keeps the best, of the bids the lowest in
# the place of a better one. A level that is inserted at a price that is there already stands in the book twice.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts orderbooks@1.1.14 >/dev/null || exit 2

cat >probe.js <<'EOF'
const { OrderBooksStore, OrderBookLevel } = require('orderbooks');
const bid = (price, qty) => OrderBookLevel('BTC/USD', price, 'Buy', qty);
const ask = (price, qty) => OrderBookLevel('BTC/USD', price, 'Sell', qty);
const show = (name, book) => console.log(name, book.getBookState().map(l => `${l[2]} ${l[3]} at ${l[1]}`).join(', '));
const book = new OrderBooksStore({ maxDepth: 6 }).getBook('BTC/USD');
book.handleSnapshot([105, 104, 103, 102, 101].map(p => ask(p, 1)).concat([100, 99, 98, 97, 96].map(p => bid(p, 1))));
show('trimmed', book);
const other = new OrderBooksStore({ maxDepth: 6 }).getBook('BTC/USD');
other.handleSnapshot([ask(101, 1), bid(100, 1)]);
other.handleDelta([], [], [bid(100, 2)]);
show('inserted', other);
EOF
got=$(timeout 60 node probe.js) || exit 2
want='trimmed Sell 1 at 103, Sell 1 at 102, Sell 1 at 101, Buy 1 at 100, Buy 1 at 99, Buy 1 at 96
inserted Sell 1 at 101, Buy 2 at 100, Buy 2 at 100'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
