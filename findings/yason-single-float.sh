#!/usr/bin/env bash
# Yason 0.7.6 on SBCL 2.2.9 reads a price into a 32-bit float, as Lisp's reader does by default, and writes it with
# all digits of its error: 60214.30 goes out as 60214.30078125. Binding *read-default-float-format* to double-float
# mends it.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install sbcl=2:2.2.9-1 cl-yason=0.7.6-1.1 cl-alexandria=20211025.gita67c3a6-1 cl-trivial-gray-streams=20210117.git2b3823e-1 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
export PATH=$dir/root/usr/bin:$PATH LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu

cat >probe.lisp <<'EOF'
(require :asdf)
(dolist (d (append (directory "root/usr/share/common-lisp/source/*/") (directory "/usr/share/common-lisp/source/*/")))
  (push d asdf:*central-registry*))
(handler-bind ((warning #'muffle-warning)) (asdf:load-system :yason))
(defun show (text)
  (let ((v (yason:parse text))) (format t "~a ~a " text (type-of v)) (yason:encode v *standard-output*) (terpri)))
(show "60214.30")
(show "0.10")
(let ((*read-default-float-format* 'double-float)) (show "60214.30"))
EOF
if [ -d root/usr/lib/sbcl ]; then export SBCL_HOME=$dir/root/usr/lib/sbcl; fi
got=$(HOME=$dir sbcl ${SBCL_HOME:+--core "$SBCL_HOME/sbcl.core"} --noinform --non-interactive --no-userinit --load probe.lisp | tail -3) || exit 2
want='60214.30 SINGLE-FLOAT 60214.30078125
0.10 SINGLE-FLOAT 0.10000000149011612
60214.30 DOUBLE-FLOAT 60214.3'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
