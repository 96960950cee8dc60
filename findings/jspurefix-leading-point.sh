#!/usr/bin/env bash
# jspurefix 5.11.4 reads a FIX price without a digit before its point wrong: .5 is 50 and .0158 is 1580, because a
# point in first place is not counted. FIX describes a float as a sequence of digits with an optional point. 0.5 is
# read right. The function is the one by which the view of a message reads fields of the types Price, Qty and float.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts jspurefix@5.11.4 reflect-metadata@0.2.2 >/dev/null || exit 2

cat >probe.js <<'EOS'
require('reflect-metadata');
const { ElasticBuffer } = require('jspurefix');

for (const text of ['60214.30', '0.5', '-0.5', '5.', '.5', '-.5', '.0158', '.00000158']) {
  const buffer = new ElasticBuffer(100);
  buffer.writeString(text);
  console.log(`${text} is ${buffer.getFloat(0, text.length - 1)}`);
}
EOS
got=$(timeout 60 node probe.js) || exit 2
want='60214.30 is 60214.3
0.5 is 0.5
-0.5 is -0.5
5. is 5
.5 is 50
-.5 is -50
.0158 is 1580
.00000158 is 1580'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
