#!/usr/bin/env bash
# JSON::XS 4.04 (Perl) reads many prices as the floating-point number next to the nearest one: 42 % of those below
# 1.40 with five decimals, which currency pairs have. Its 0.7 is 0.70000000000000007. JSON::PP, which comes with Perl,
# reads all right.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of its dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install libjson-xs-perl=4.040-1~deb12u1 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
export PERL5LIB=$dir/root/usr/lib/$(uname -m)-linux-gnu/perl5/5.36:$dir/root/usr/share/perl5

cat >probe.pl <<'EOS'
use strict;
use JSON::PP ();
use JSON::XS ();

my ($xs, $pp) = (JSON::XS->new->allow_nonref, JSON::PP->new->allow_nonref);
for my $decimals (1, 2, 5, 8) {
    my ($wrong_xs, $wrong_pp) = (0, 0);
    for my $i (1 .. 20000) {
        my $price = sprintf('%.*f', $decimals, $i * 7 / 10**$decimals);
        $wrong_xs++ if $xs->decode($price) != $price;
        $wrong_pp++ if $pp->decode($price) != $price;
    }
    print "$decimals decimals, of 20000 prices: JSON::XS $wrong_xs differ, JSON::PP $wrong_pp\n";
}
printf "0.7: JSON::XS %.17g, JSON::PP %.17g\n", $xs->decode('0.7'), $pp->decode('0.7');
print '{"price":0.7} <= 0.7: ', ($xs->decode('{"price":0.7}')->{price} <= 0.7 ? 'yes' : 'no'), "\n";
EOS
got=$(timeout 60 perl probe.pl) || exit 2
want='1 decimals, of 20000 prices: JSON::XS 1 differ, JSON::PP 0
2 decimals, of 20000 prices: JSON::XS 9 differ, JSON::PP 0
5 decimals, of 20000 prices: JSON::XS 8342 differ, JSON::PP 0
8 decimals, of 20000 prices: JSON::XS 2681 differ, JSON::PP 0
0.7: JSON::XS 0.70000000000000007, JSON::PP 0.69999999999999996
{"price":0.7} <= 0.7: no'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
