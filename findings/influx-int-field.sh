#!/usr/bin/env bash
# @influxdata/influxdb-client 1.35.0: intField takes whole numbers as text and still rounds them to a double, so a time in
# nanoseconds is stored wrong. timestamp keeps the same text. floatField reads "60,214.30" as 60.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts @influxdata/influxdb-client@1.35.0 >/dev/null || exit 2

cat >probe.js <<'EOF'
const { Point } = require('@influxdata/influxdb-client');
const ts = '1710000000123456789';
console.log(new Point('price').intField('ts', ts).timestamp(ts).toLineProtocol());
console.log(new Point('price').floatField('price', '60,214.30').timestamp(ts).toLineProtocol());
EOF
got=$(timeout 60 node probe.js) || exit 2
want='price ts=1710000000123456800i 1710000000123456789
price price=60 1710000000123456789'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
