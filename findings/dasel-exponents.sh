#!/usr/bin/env bash
# dasel v2.8.1 (Go) cannot read JSON in which a number has an exponent but no point, such as 1e-7, which is how JavaScript
# writes 0.0000001: the whole document fails. 1.5e-7 is read.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
GOFLAGS=-modcacherw GOBIN=$dir go install github.com/tomwright/dasel/v2/cmd/dasel@v2.8.1 2>/dev/null || exit 2

got=$(
	for price in 60214.30 0.00000158 1.5e-7 1e-7 1E5; do
		echo "$price: $(echo "{\"instrument\":\"PEPE\",\"price\":$price}" | timeout 20 ./dasel -r json -w json --pretty=false 2>&1)"
	done
)
want='60214.30: {"instrument":"PEPE","price":60214.3}
0.00000158: {"instrument":"PEPE","price":0.00000158}
1.5e-7: {"instrument":"PEPE","price":1.5e-7}
1e-7: Error: could not unmarshal data: could not decode object: strconv.ParseInt: parsing "1e-7": invalid syntax
1E5: Error: could not unmarshal data: could not decode object: strconv.ParseInt: parsing "1E5": invalid syntax'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
