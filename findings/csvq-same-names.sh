#!/usr/bin/env bash
# csvq v1.18.1 compares texts without regard to case, and as numbers where both look like one: a condition on the
# instrument 1E5 also takes the prices of 1e5 and 100000.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
GOBIN=$dir go install github.com/mithrandie/csvq@v1.18.1 >/dev/null 2>&1 || exit 2

cat >prices.jsonl <<'EOF'
{"instrument":"PEPE","price":1.5}
{"instrument":"pepe","price":900}
{"instrument":"1E5","price":2.5}
{"instrument":"1e5","price":3.5}
{"instrument":"100000","price":60214.30}
EOF
ask() {
	echo "$1: $(timeout 60 ./csvq -q -f JSONL "SELECT $2" | paste -sd' ')"
}
# shellcheck disable=SC2016 # the backquotes are SQL
got=$(
	ask 'largest of PEPE' 'MAX(price) AS highest FROM `prices.jsonl` WHERE instrument = "PEPE"'
	ask 'largest of 1E5' 'MAX(price) AS highest FROM `prices.jsonl` WHERE instrument = "1E5"'
	ask 'with two equals signs' 'MAX(price) AS highest FROM `prices.jsonl` WHERE instrument == "1E5"'
	ask 'by instrument' 'instrument, MAX(price) AS highest FROM `prices.jsonl` GROUP BY instrument'
) || exit 2
want='largest of PEPE: {"highest":900} 
largest of 1E5: {"highest":60214.3} 
with two equals signs: {"highest":2.5} 
by instrument: {"instrument":"PEPE","highest":900} {"instrument":"1E5","highest":3.5} {"instrument":"100000","highest":60214.3} '
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
