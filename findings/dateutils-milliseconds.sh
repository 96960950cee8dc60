#!/usr/bin/env bash
# dateutils 0.4.10 takes a time in milliseconds for seconds and prints a time of day on the day 0000-00-00. The exit code
# is 0. dateutils.dadd and dateutils.ddiff calculate with it as with seconds.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here; nothing is installed. Needs apt-get update first.
apt-get -qq -o APT::Sandbox::User=root download dateutils=0.4.10-1 >/dev/null || exit 2
dpkg-deb -x dateutils*.deb root || exit 2
PATH=$dir/root/usr/bin:$PATH

got=$(
	for ts in 1710000000 17100000000 171000000001 1710000000123; do
		echo "$ts is $(dateutils.dconv -i %s -f %FT%T "$ts"), exit code $?"
	done
	echo "a minute later: $(dateutils.dadd -i %s -f %s 1710000000123 60s)"
	echo "the difference of 1710000000123 and 1710000000456: $(dateutils.ddiff -i %s 1710000000123 1710000000456 -f %S) seconds"
) || exit 2
want='1710000000 is 2024-03-09T16:00:00, exit code 0
17100000000 is 2511-11-17T16:00:00, exit code 0
171000000001 is 0000-00-00T16:00:01, exit code 0
1710000000123 is 0000-00-00T16:02:03, exit code 0
a minute later: 1710000000183
the difference of 1710000000123 and 1710000000456: 333 seconds'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
