#!/usr/bin/env bash
# dkjson 2.6 on Lua 5.3 keeps whole numbers exact but writes other numbers with 14 digits: a price of 15 or 16 digits
# comes out rounded although a float64 holds it.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install lua5.3=5.3.6-2 lua-dkjson=2.6-2 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
export PATH=$dir/root/usr/bin:$PATH LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu

cat >probe.lua <<'EOF'
local json = require "dkjson"
for _, text in ipairs { "60214.30", "1234567.123456789", "123456789012.345", "9223372036854775807" } do
  local value = json.decode("[" .. text .. "]")
  print(text, (json.encode(value)))
end
EOF
got=$(LUA_PATH="$dir/root/usr/share/lua/5.3/?.lua;;" lua5.3 probe.lua) || exit 2
want='60214.30	[60214.3]
1234567.123456789	[1234567.1234568]
123456789012.345	[123456789012.35]
9223372036854775807	[9223372036854775807]'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
