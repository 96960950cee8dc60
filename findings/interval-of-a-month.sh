#!/usr/bin/env bash
# Exchanges call a minute 1m and a month 1M. timestring 7.0.0, parse-duration 2.1.9, @sapphire/duration 1.2.0,
# enhanced-ms 5.0.0 and @lukeed/ms 2.0.2 take 1M for a minute, without an error. @alwatr/parse-duration 5.5.4 takes
# it for a month, and @icholy/duration 5.1.0 refuses it.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts timestring@7.0.0 parse-duration@2.1.9 \
	@sapphire/duration@1.2.0 enhanced-ms@5.0.0 @lukeed/ms@2.0.2 @alwatr/parse-duration@5.5.4 @icholy/duration@5.1.0 \
	>/dev/null || exit 2

cat >probe.mjs <<'EOS'
import timestring from 'timestring';
import parse from 'parse-duration';
import { Duration as Sapphire } from '@sapphire/duration';
import { ms } from 'enhanced-ms';
import { parse as lukeed } from '@lukeed/ms';
import { parseDuration } from '@alwatr/parse-duration';
import { Duration } from '@icholy/duration';

const libraries = {
  timestring: text => timestring(text, 'ms'),
  'parse-duration': text => parse(text),
  '@sapphire/duration': text => new Sapphire(text).offset,
  'enhanced-ms': text => ms(text),
  '@lukeed/ms': text => lukeed(text),
  '@alwatr/parse-duration': text => parseDuration(text),
  '@icholy/duration': text => new Duration(text).milliseconds(),
};
for (const [name, milliseconds] of Object.entries(libraries)) {
  const see = text => {
    try {
      return `${text} ${milliseconds(text) / 60000} min`;
    } catch {
      return `${text} refused`;
    }
  };
  console.log(`${name}:`, ['1m', '1h', '1d', '1w', '1M'].map(see).join(', '));
}
EOS
got=$(timeout 60 node probe.mjs) || exit 2
want='timestring: 1m 1 min, 1h 60 min, 1d 1440 min, 1w 10080 min, 1M 1 min
parse-duration: 1m 1 min, 1h 60 min, 1d 1440 min, 1w 10080 min, 1M 1 min
@sapphire/duration: 1m 1 min, 1h 60 min, 1d 1440 min, 1w 10080 min, 1M 1 min
enhanced-ms: 1m 1 min, 1h 60 min, 1d 1440 min, 1w 10080 min, 1M 1 min
@lukeed/ms: 1m 1 min, 1h 60 min, 1d 1440 min, 1w 10080 min, 1M 1 min
@alwatr/parse-duration: 1m 1 min, 1h 60 min, 1d 1440 min, 1w 10080 min, 1M 43200 min
@icholy/duration: 1m 1 min, 1h 60 min, 1d 1440 min, 1w 10080 min, 1M refused'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
