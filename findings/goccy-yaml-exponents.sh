#!/usr/bin/env bash
# goccy/go-yaml v1.19.2 writes the texts "1e-7" and "1E5" without quotes. It reads them as texts itself; yaml.v3 3.0.1, and
# js-yaml 5.5.0 and yaml 2.9.1 of npm, read numbers. The same text with a point, "1.58E-8", it quotes.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts js-yaml@5.5.0 yaml@2.9.1 >/dev/null || exit 2
cat >go.mod <<'EOS'
module probe
go 1.24
require (
	github.com/goccy/go-yaml v1.19.2
	gopkg.in/yaml.v3 v3.0.1
)
EOS
cat >main.go <<'EOS'
package main

import (
	"fmt"
	"os"

	goccy "github.com/goccy/go-yaml"
	v3 "gopkg.in/yaml.v3"
)

func main() {
	text, err := goccy.Marshal(map[string]string{"price": os.Args[1]})
	if err != nil {
		os.Exit(2)
	}
	fmt.Print(string(text))
	for _, reader := range []struct {
		name string
		read func([]byte, any) error
	}{
		{"goccy", func(text []byte, into any) error { return goccy.Unmarshal(text, into) }},
		{"yaml.v3", v3.Unmarshal},
	} {
		var got map[string]any
		if err := reader.read(text, &got); err != nil {
			os.Exit(2)
		}
		fmt.Fprintf(os.Stderr, " %s: %T", reader.name, got["price"])
	}
}
EOS
cat >probe.js <<'EOS'
const text = require('fs').readFileSync(0, 'utf8');
const readers = { 'js-yaml': require('js-yaml').load, yaml: require('yaml').parse };
const types = Object.entries(readers).map(([name, read]) => ` ${name}: ${typeof read(text).price}`);
console.log(`${text.trim()} |${process.argv[2]}${types.join('')}`);
EOS
go mod tidy >/dev/null 2>&1 || exit 2
go build -o probe . || exit 2
got=$(
	for text in 60214.30 1e-7 1E5 1.58E-8; do
		./probe "$text" >text.yml 2>types
		node probe.js "$(cat types)" <text.yml
	done
) || exit 2
want='price: "60214.30" | goccy: string yaml.v3: string js-yaml: string yaml: string
price: 1e-7 | goccy: string yaml.v3: float64 js-yaml: number yaml: number
price: 1E5 | goccy: string yaml.v3: float64 js-yaml: number yaml: number
price: "1.58E-8" | goccy: string yaml.v3: string js-yaml: string yaml: string'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
