#!/usr/bin/env bash
# wI2L/jsondiff v0.7.1 and mattbaird/jsonpatch (Go) compare whole numbers as floating-point numbers: two times
# in nanoseconds that are less than 128 ns apart are equal, so the patch is empty, and other times are rounded in
# it. gomodules.xyz/jsonpatch v2.5.0 and evanphx/json-patch v5.9.11 keep them.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'EOS'
module probe
go 1.24
require (
	github.com/evanphx/json-patch/v5 v5.9.11
	github.com/mattbaird/jsonpatch v0.0.0-20240118010651-0ba75a80ca38
	github.com/wI2L/jsondiff v0.7.1
	gomodules.xyz/jsonpatch/v2 v2.5.0
)
EOS
cat >main.go <<'EOS'
package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	evanphx "github.com/evanphx/json-patch/v5"
	"github.com/mattbaird/jsonpatch"
	"github.com/wI2L/jsondiff"
	gomodules "gomodules.xyz/jsonpatch/v2"
)

func text(v any, err error) string {
	if err != nil {
		return err.Error()
	}
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// exact decodes numbers as they are written.
func exact(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(v)
}

func main() {
	before := []byte(`{"price":60214.30,"ts":1710000000123456789}`)
	for _, ts := range []string{"1710000000123456790", "1710000000123456999"} {
		after := []byte(`{"price":60214.30,"ts":` + ts + `}`)
		fmt.Println("ts", ts)
		fmt.Println("jsondiff", text(jsondiff.CompareJSON(before, after)))
		fmt.Println("jsondiff with numbers", text(jsondiff.CompareJSON(before, after, jsondiff.UnmarshalFunc(exact))))
		fmt.Println("mattbaird", text(jsonpatch.CreatePatch(before, after)))
		fmt.Println("gomodules", text(gomodules.CreatePatch(before, after)))
		merge, err := evanphx.CreateMergePatch(before, after)
		fmt.Println("evanphx", text(json.RawMessage(merge), err))
	}
}
EOS
go mod tidy >/dev/null 2>&1 || exit 2
got=$(timeout 240 go run .) || exit 2
want='ts 1710000000123456790
jsondiff null
jsondiff with numbers [{"value":1710000000123456790,"op":"replace","path":"/ts"}]
mattbaird []
gomodules [{"op":"replace","path":"/ts","value":1710000000123456790}]
evanphx {"ts":1710000000123456790}
ts 1710000000123456999
jsondiff [{"value":1710000000123457000,"op":"replace","path":"/ts"}]
jsondiff with numbers [{"value":1710000000123456999,"op":"replace","path":"/ts"}]
mattbaird [{"op":"replace","path":"/ts","value":1710000000123457000}]
gomodules [{"op":"replace","path":"/ts","value":1710000000123456999}]
evanphx {"ts":1710000000123456999}'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
