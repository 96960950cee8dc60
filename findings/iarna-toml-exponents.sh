#!/usr/bin/env bash
# @iarna/toml 3.0.0 writes the number 1e-7, a tick size for example, as "1e-7.undefined". That is not TOML: it does not read
# it again itself, nor does smol-toml 1.9.1. With a point before the exponent, 1.58e-8, it writes what it should. Digits are
# grouped with underscores, as TOML allows.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts @iarna/toml@3.0.0 smol-toml@1.9.1 >/dev/null || exit 2

cat >probe.mjs <<'EOS'
import iarna from '@iarna/toml';
import * as smol from 'smol-toml';

const reads = (parse, text) => {
  try {
    return Object.values(parse(text))[0];
  } catch {
    return 'an error';
  }
};
for (const price of [60214.35, 0.000001, 1e-7, 1e-8, 1.58e-8]) {
  const text = iarna.stringify({ price }).trim();
  console.log(text, '| read by itself:', reads(iarna.parse, text), '| by smol-toml:', reads(smol.parse, text));
}
EOS
got=$(timeout 60 node probe.mjs) || exit 2
want='price = 60_214.35 | read by itself: 60214.35 | by smol-toml: 60214.35
price = 0.000001 | read by itself: 0.000001 | by smol-toml: 0.000001
price = 1e-7.undefined | read by itself: an error | by smol-toml: an error
price = 1e-8.undefined | read by itself: an error | by smol-toml: an error
price = 1.58e-8 | read by itself: 1.58e-8 | by smol-toml: 1.58e-8'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
