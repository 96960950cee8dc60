package backbone_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

const module = "backbone"

// row is a package and all others of the module that it imports. A path that ends with /* is each
// package right below it that has no row of its own.
type row struct {
	from string
	to   []string
	why  string
}

// library is a rule about a path and all below it. It is allowed in some packages and those
// below them only, or not allowed in one; only and not name packages.
type library struct {
	path string
	only []string
	not  string
	why  string
}

func (l library) forbids(dir, imported string) bool {
	in := func(only string) bool { return dir == only || strings.HasPrefix(dir, only+"/") }
	return (imported == l.path || strings.HasPrefix(imported, l.path+"/")) && (l.only != nil && !slices.ContainsFunc(l.only, in) || dir == l.not)
}

// source is one parsed file.
type source struct {
	dir  string // of its package, from the root of the module
	test bool
	set  *token.FileSet
	file *ast.File
}

func (s source) at(n ast.Node) string { return s.set.Position(n.Pos()).String() }

// imports returns the paths of the imports of s.
func (s source) imports() map[*ast.ImportSpec]string {
	paths := map[*ast.ImportSpec]string{}
	for _, spec := range s.file.Imports {
		paths[spec], _ = strconv.Unquote(spec.Path.Value) // the parser has checked it
	}
	return paths
}

// check returns what the sources below tree violate, sorted.
func check(tree fs.FS) ([]string, error) {
	sources, err := parse(tree)
	if err != nil {
		return nil, err
	}
	found := append(checkArrows(sources), checkSizes(sources)...)
	for _, s := range sources {
		found = append(found, s.checkImports()...)
		if !s.test {
			found = append(found, s.checkCode()...)
		}
	}
	slices.Sort(found)
	return found, nil
}

// parse reads all Go files of the module, whatever they are built for.
func parse(tree fs.FS) ([]source, error) {
	var sources []source
	set := token.NewFileSet()
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if entry.IsDir() {
			_, err := fs.Stat(tree, path.Join(name, "go.mod"))
			if name != "." && (base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || err == nil) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
		sources = append(sources, source{path.Dir(name), strings.HasSuffix(name, "_test.go"), set, file})
		return err
	})
	return sources, err
}

// checkArrows compares the imports within the module with the table, both ways.
func checkArrows(sources []source) (found []string) {
	rows := map[string]row{}
	for _, r := range arrows {
		rows[r.from] = r
	}
	place := func(dir string) string { // as it stands in the table
		if _, listed := rows[dir]; !listed {
			if _, listed = rows[path.Dir(dir)+"/*"]; listed {
				return path.Dir(dir) + "/*"
			}
		}
		return dir
	}
	exists := map[string]bool{} // packages, and arrows as "from -> to"
	for _, s := range sources {
		if s.test {
			continue
		}
		from := place(s.dir)
		r, listed := rows[from]
		if !listed && !exists[from] {
			found = append(found, fmt.Sprintf("%s: package %s has no row in the table of arrows: decide what it may import", s.at(s.file), s.dir))
		}
		exists[from] = true
		for spec, imported := range s.imports() {
			to, ours := strings.CutPrefix(imported, module+"/")
			if !ours && imported != module {
				continue
			}
			to = place(to)
			exists[from+" -> "+to] = true
			if listed && !slices.Contains(r.to, to) {
				found = append(found, fmt.Sprintf("%s: %s must not import %s: %s", s.at(spec), s.dir, imported, r.why))
			}
		}
	}
	for _, r := range arrows {
		if !exists[r.from] {
			found = append(found, fmt.Sprintf("stale row: there is no package %s", r.from))
			continue
		}
		for _, to := range r.to {
			if !exists[r.from+" -> "+to] {
				found = append(found, fmt.Sprintf("stale row: %s does not import %s", r.from, to))
			}
		}
	}
	return found
}

// checkSizes names the files and folders that have grown too large.
func checkSizes(sources []source) (found []string) {
	files := map[string]int{} // in each folder
	for _, s := range sources {
		if s.test {
			continue
		}
		files[s.dir]++
		if lines := s.set.File(s.file.FileStart).LineCount(); lines > maxLines {
			found = append(found, fmt.Sprintf("%s: %d lines, at most %d: give each subject a file of its own", s.at(s.file), lines, maxLines))
		}
	}
	for dir, n := range files {
		if n > maxFiles {
			found = append(found, fmt.Sprintf("%s: %d files, at most %d: give each subject a package of its own", dir, n, maxFiles))
		}
	}
	return found
}

// checkImports applies the rules about libraries.
func (s source) checkImports() (found []string) {
	for spec, imported := range s.imports() {
		rules := tests
		if !s.test {
			rules = slices.Concat(tests, libraries)
			first, _, _ := strings.Cut(imported, "/")
			if why := standardOnly[s.dir]; why != "" && (first == module || strings.Contains(first, ".")) {
				found = append(found, fmt.Sprintf("%s: %s must not import %s: %s", s.at(spec), s.dir, imported, why))
			}
		}
		for _, l := range rules {
			if l.forbids(s.dir, imported) {
				found = append(found, fmt.Sprintf("%s: %s must not import %s: %s", s.at(spec), s.dir, imported, l.why))
			}
		}
	}
	return found
}

// checkCode applies the rules about what stands in the files.
func (s source) checkCode() (found []string) {
	report := func(n ast.Node, format string, args ...any) {
		found = append(found, s.at(n)+": "+fmt.Sprintf(format, args...))
	}
	for _, decl := range s.file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == "init" {
				report(d, "func init: what happens on import can be neither configured nor tested")
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok && d.Tok == token.VAR && mutable(v) {
					report(v, "package variable %s: two instances in one process would share it", v.Names[0].Name)
				}
			}
		}
	}
	single := singleGoroutine[s.dir]
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			if single != "" {
				report(n, "%s must not start a goroutine: %s", s.dir, single)
			}
		case *ast.Ident:
			if single != "" && (n.Name == "Mutex" || n.Name == "RWMutex") {
				report(n, "%s must not have a %s: %s", s.dir, n.Name, single)
			}
		case *ast.SelectorExpr:
			pkg, _ := n.X.(*ast.Ident)
			if s.file.Name.Name == "main" || pkg == nil {
				break
			}
			if name := pkg.Name + "." + n.Sel.Name; name == "os.Exit" || strings.HasPrefix(name, "log.Fatal") {
				report(n, "%s outside of package main: return an error, nothing that must be stopped is stopped here", name)
			}
		}
		return true
	})
	return found
}

// mutable reports whether a variable is of a kind that is only of use when it changes:
// a channel, what make or new return, a lock or an atomic.
func mutable(v *ast.ValueSpec) bool {
	kinds := []ast.Expr{v.Type}
	for _, value := range v.Values {
		switch value := value.(type) {
		case *ast.CallExpr:
			if f, ok := value.Fun.(*ast.Ident); ok && (f.Name == "make" || f.Name == "new") {
				return true
			}
		case *ast.CompositeLit:
			kinds = append(kinds, value.Type)
		case *ast.UnaryExpr:
			if lit, ok := value.X.(*ast.CompositeLit); ok {
				kinds = append(kinds, lit.Type)
			}
		}
	}
	for _, kind := range kinds {
		if star, ok := kind.(*ast.StarExpr); ok {
			kind = star.X
		}
		if index, ok := kind.(*ast.IndexExpr); ok {
			kind = index.X // atomic.Pointer[T]
		}
		switch kind := kind.(type) {
		case *ast.ChanType:
			return true
		case *ast.SelectorExpr:
			if pkg, ok := kind.X.(*ast.Ident); ok && (pkg.Name == "sync" || pkg.Name == "atomic") {
				return true
			}
		}
	}
	return false
}
