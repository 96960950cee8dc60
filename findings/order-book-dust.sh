#!/usr/bin/env bash
# nodejs-order-book 10.1.1 subtracts sizes in binary floating point: after a market order of 0.3 has bought three orders of 0.1,
# the last of them stays with 2.8e-17, and its level is the best price of the book.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts nodejs-order-book@10.1.1 >/dev/null || exit 2

cat >probe.js <<'EOS'
const { OrderBook } = require('nodejs-order-book');

const book = new OrderBook();
for (const id of ['a', 'b', 'c']) book.limit({ side: 'sell', id, size: 0.1, price: 60214.3 });
book.limit({ side: 'sell', id: 'd', size: 1, price: 60215 });
console.log('before:', JSON.stringify(book.depth()[0]));
const result = book.market({ side: 'buy', size: 0.3 });
console.log('bought 0.3, not filled:', result.quantityLeft, 'done:', result.done.map(order => order.id).join());
console.log('after:', JSON.stringify(book.depth()[0]), 'order c:', book.order('c').size);
EOS
got=$(timeout 60 node probe.js) || exit 2
want='before: [[60214.3,0.30000000000000004],[60215,1]]
bought 0.3, not filled: 0 done: a,b
after: [[60214.3,5.551115123125783e-17],[60215,1]] order c: 2.7755575615628914e-17'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
