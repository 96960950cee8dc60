#!/usr/bin/env bash
# xlsx 0.18.5 (SheetJS, the newest on npm) reads some instruments in a CSV file as numbers, dates or booleans, quoted
# or not: 27DEC24, 3-5, 1E5, 0x10. DEC-24 and MAR26 stay text.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts xlsx@0.18.5 >/dev/null || exit 2

cat >probe.js <<'EOF'
const xlsx = require('xlsx');
const names = ['BTC_USDT', 'DEC-24', 'MAR26', '27DEC24', 'BTC-27DEC24', '1E5', '0x10', '1INCH', '3-5', '2026-12-31', 'TRUE'];
const sheet = xlsx.read(names.map(n => `"${n}"`).join('\n'), { type: 'string' }).Sheets.Sheet1;
const rows = xlsx.utils.sheet_to_json(sheet, { header: 1 });
names.forEach((name, i) => console.log(`${name} ${typeof rows[i][0]} ${rows[i][0]}`));
EOF
got=$(TZ=UTC timeout 60 node probe.js) || exit 2
want='BTC_USDT string BTC_USDT
DEC-24 string DEC-24
MAR26 string MAR26
27DEC24 number 45653
BTC-27DEC24 string BTC-27DEC24
1E5 number 100000
0x10 number 16
1INCH string 1INCH
3-5 number 36955
2026-12-31 number 46387
TRUE boolean true'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
