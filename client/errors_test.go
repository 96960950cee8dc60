package client

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// Every code of the protocol has its name in this package.
func TestCodesAreComplete(t *testing.T) {
	found := 0
	for name := range constants(t, "../protocol/protocol.go") {
		if !strings.HasPrefix(name, "Code") && !strings.HasPrefix(name, "Close") {
			continue
		}
		found++
		if constants(t, "errors.go")[name] != "protocol."+name {
			t.Errorf("errors.go lacks %s = protocol.%s", name, name)
		}
	}
	if found < 20 {
		t.Errorf("only %d codes found in the protocol", found)
	}
}

func constants(t *testing.T, file string) map[string]string {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
			values[spec.Names[0].Name] = ""
			if from, ok := spec.Values[0].(*ast.SelectorExpr); ok {
				values[spec.Names[0].Name] = from.X.(*ast.Ident).Name + "." + from.Sel.Name
			}
		}
		return true
	})
	return values
}
