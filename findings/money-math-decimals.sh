#!/usr/bin/env bash
# money-math 2.6.3 takes amounts as text and reads them without the point, as hundredths: a price that has not exactly
# two decimals is another number, without an error.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts money-math@2.6.3 >/dev/null || exit 2

cat >probe.js <<'EOF'
const money = require('money-math');
for (const price of ['60214.30', '60214.3', '60214', '60214.305', '0.00000158']) {
  console.log(`${price} plus 0.00 is ${money.add(price, '0.00')}`);
}
console.log(`9.5 compared with 10.00: ${money.cmp('9.5', '10.00') < 0 ? 'less' : 'not less'}`);
console.log(`100.5 compared with 90.00: ${money.cmp('100.5', '90.00') < 0 ? 'less' : 'not less'}`);
EOF
got=$(timeout 60 node probe.js) || exit 2
want='60214.30 plus 0.00 is 60214.30
60214.3 plus 0.00 is 6021.43
60214 plus 0.00 is 602.14
60214.305 plus 0.00 is 602143.05
0.00000158 plus 0.00 is 1.58
9.5 compared with 10.00: less
100.5 compared with 90.00: less'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
