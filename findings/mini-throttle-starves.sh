#!/usr/bin/env bash
# @github/mini-throttle 2.1.1 promises with its default options a call as soon as the wait has passed. Under calls that
# come faster than twice per wait it calls once at the start and once after the last call, and never in between.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts @github/mini-throttle@2.1.1 throttle-debounce@5.0.2 >/dev/null || exit 2

cat >probe.js <<'EOF'
const libraries = {
  '@github/mini-throttle': f => require('@github/mini-throttle').throttle(f, 500),
  'throttle-debounce': f => require('throttle-debounce').throttle(500, f),
};
const pause = ms => new Promise(done => setTimeout(done, ms));
const ask = async ([name, throttle]) => {
  const shown = [];
  const show = throttle(price => shown.push(price));
  const end = Date.now() + 4000;
  let price = 0;
  while (Date.now() < end) {
    show(++price);
    await pause(20);
  }
  const during = shown.length;
  await pause(1500);
  const last = shown.at(-1) === price ? 'shown at the end' : 'never shown';
  return `${name}: in 4 s ${during > 4 ? 'more than 4 prices' : `${during} price`}; the last ${last}`;
};
Promise.all(Object.entries(libraries).map(ask)).then(lines => console.log(lines.join('\n')));
EOF
got=$(timeout 60 node probe.js) || exit 2
want='@github/mini-throttle: in 4 s 1 price; the last shown at the end
throttle-debounce: in 4 s more than 4 prices; the last shown at the end'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
