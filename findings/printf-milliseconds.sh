#!/usr/bin/env bash
# printf on npm: printj 1.3.1 prints a time in milliseconds with %d as 603016315, its lowest 32 bits, and sprintf-js
# 1.1.3, fast-printf 1.6.10, voca 1.4.1 and locutus 2.0.39 do so with %u. fast-printf and voca put the zeros of %07.2f
# before the minus: 00-9.75. printf 0.6.1 writes the time right, and one zero too many before the price.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts printj@1.3.1 sprintf-js@1.1.3 fast-printf@1.6.10 \
	voca@1.4.1 locutus@2.0.39 printf@0.6.1 >/dev/null || exit 2

cat >probe.js <<'EOS'
const libraries = {
  printj: require('printj').sprintf,
  'sprintf-js': require('sprintf-js').sprintf,
  'fast-printf': require('fast-printf').printf,
  voca: require('voca').sprintf,
  locutus: require('locutus/php/strings/sprintf').sprintf || require('locutus/php/strings/sprintf'),
  printf: require('printf'),
};
const ts = 1710000000123;
for (const [name, sprintf] of Object.entries(libraries)) {
  console.log(`${name}: %d ${sprintf('%d', ts)}, %u ${sprintf('%u', ts)}, %07.2f ${sprintf('%07.2f', -9.75)}`);
}
EOS
got=$(timeout 60 node probe.js) || exit 2
want='printj: %d 603016315, %u 603016315, %07.2f -009.75
sprintf-js: %d 1710000000123, %u 603016315, %07.2f -009.75
fast-printf: %d 1710000000123, %u 603016315, %07.2f 00-9.75
voca: %d 1710000000123, %u 603016315, %07.2f 00-9.75
locutus: %d 1710000000123, %u 603016315, %07.2f -009.75
printf: %d 1710000000123, %u 1710000000123, %07.2f -0009.75'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
