#!/usr/bin/env bash
# R's jsonlite 1.8.4 writes a price of 0.00001234 as 0 but 0.00000001 as 1e-08: toJSON keeps four digits behind the
# point, except for prices up to 0.00001. digits = NA keeps them. A time in microseconds is rounded and gets an
# exponent either way.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install r-base-core=4.2.2.20221110-2 r-cran-jsonlite=1.8.4+dfsg-1 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
export PATH=$dir/root/usr/bin:$PATH LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu

cat >probe.R <<'EOF'
library(jsonlite)
for (x in c('{"price":60214.123456}', '{"price":0.00001234}', '{"price":0.00000001}', '{"ts":1710000000123}', '{"ts":1710000000123456}'))
  cat(paste(x, toJSON(fromJSON(x), auto_unbox = TRUE), toJSON(fromJSON(x), auto_unbox = TRUE, digits = NA)), sep = "\n")
EOF
export R_HOME=/usr/lib/R
if [ -d root/usr/lib/R ]; then
	R_HOME=$dir/root/usr/lib/R
	LD_LIBRARY_PATH=$R_HOME/lib:$LD_LIBRARY_PATH:$LD_LIBRARY_PATH/blas:$LD_LIBRARY_PATH/lapack
fi
got=$(R_LIBS=$dir/root/usr/lib/R/site-library "$R_HOME/bin/exec/R" --no-echo --vanilla -f probe.R 2>/dev/null | grep '^{') || exit 2
want='{"price":60214.123456} {"price":60214.1235} {"price":60214.123456}
{"price":0.00001234} {"price":0} {"price":1.234e-05}
{"price":0.00000001} {"price":1e-08} {"price":1e-08}
{"ts":1710000000123} {"ts":1710000000123} {"ts":1710000000123}
{"ts":1710000000123456} {"ts":1.71000000012346e+15} {"ts":1.71000000012346e+15}'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
