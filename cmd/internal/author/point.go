package author

import (
	"bytes"
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/plugstead/plugstead/internal/cmdline"
)

// PointPackage is a Go package with an extension point, as far as a template needs it. It is
// read from its source: the types of its methods are those that the plugin's methods have.
type PointPackage struct {
	Import, Package string
	Alias           string // with a space, if the package is not named like its folder
	Std             []string
	ID              string
	Major, Minor    int
	Methods         []PointMethod // that are not optional

	point string // the variable
}

// PointMethod is one method that a plugin has to implement.
type PointMethod struct{ Var, Kind, Func, Body string }

// pointError says why a package cannot be used.
func pointError(pkg, format string, args ...any) error {
	return cmdline.New("E0001", "plugstead new without --point, and write the import by hand", "--point %s: %s", pkg, fmt.Sprintf(format, args...))
}

// ReadPoint reads the package of an import path of the Go module in dir. With #NAME behind
// it the point is the variable NAME. The errors are those of a command.
func ReadPoint(ctx context.Context, dir, pkg string) (*PointPackage, error) {
	pkg, name, _ := strings.Cut(pkg, "#")
	at, err := Go(ctx, dir, "list", "-mod=mod", "-f", "{{.Dir}}", pkg)
	if err != nil {
		return nil, err
	}
	files, err := parseFolder(at, "")
	if err != nil {
		return nil, pointError(pkg, "%v", err)
	}
	p := &PointPackage{Import: pkg, point: name}
	for _, f := range files {
		p.Package = f.Name.Name
	}
	if p.Package != path.Base(pkg) {
		p.Alias = p.Package + " "
	}
	if err := p.findPoint(files); err != nil {
		return nil, pointError(pkg, "%v", err)
	}
	if err := p.findMethods(files); err != nil {
		return nil, pointError(pkg, "%v", err)
	}
	return p, nil
}

// parseFolder reads the Go files of a folder in which a text occurs, apart from tests.
func parseFolder(dir, text string) (out []*ast.File, err error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := readSource(name)
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(src, []byte(text)) {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	if len(out) == 0 && text == "" {
		return nil, fmt.Errorf("no Go files in %s", dir)
	}
	return out, nil
}

// maxSource is how large a Go file may be, in bytes.
const maxSource = 8 << 20

// readSource reads a Go file. It looks before it opens: to open a named pipe is to wait for
// whoever writes to it.
func readSource(name string) ([]byte, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxSource {
		return nil, fmt.Errorf("%s: not a regular file of at most %d bytes", name, maxSource)
	}
	return os.ReadFile(name)
}

// definition is one variable that a function of package contract makes.
type definition struct {
	name string
	f    string     // Define, Unary, …
	args []ast.Expr // of the call
	typ  []ast.Expr // of the function
	file *ast.File
}

// definitions lists the variables of a package that calls of package contract make.
func definitions(files []*ast.File) (out []definition) {
	for _, file := range files {
		contract := localName(file, Library+"/contract")
		for _, d := range file.Decls {
			gen, ok := d.(*ast.GenDecl)
			if !ok || gen.Tok != token.VAR {
				continue
			}
			for _, s := range gen.Specs {
				v := s.(*ast.ValueSpec)
				for i, x := range v.Values {
					if d, ok := contractCall(x, contract); ok && i < len(v.Names) {
						d.name, d.file = v.Names[i].Name, file
						out = append(out, d)
					}
				}
			}
		}
	}
	return out
}

// localName returns what a file calls an imported package.
func localName(f *ast.File, pkg string) string {
	for _, im := range f.Imports {
		if p, _ := strconv.Unquote(im.Path.Value); p == pkg {
			if im.Name != nil {
				return im.Name.Name
			}
			return path.Base(pkg)
		}
	}
	return ""
}

func contractCall(x ast.Expr, pkg string) (d definition, ok bool) {
	call, ok := x.(*ast.CallExpr)
	if !ok {
		return d, false
	}
	f := call.Fun
	switch x := f.(type) {
	case *ast.IndexListExpr:
		f, d.typ = x.X, x.Indices
	case *ast.IndexExpr:
		f, d.typ = x.X, []ast.Expr{x.Index}
	}
	sel, ok := f.(*ast.SelectorExpr)
	if !ok {
		return d, false
	}
	id, ok := sel.X.(*ast.Ident)
	d.f, d.args = sel.Sel.Name, call.Args
	return d, ok && pkg != "" && id.Name == pkg
}

// findPoint finds the point: the one that is named, or the only one.
func (p *PointPackage) findPoint(files []*ast.File) error {
	var found []definition
	var names []string
	for _, d := range definitions(files) {
		if d.f == "Define" && len(d.args) >= 3 && ast.IsExported(d.name) && (p.point == "" || d.name == p.point) {
			found, names = append(found, d), append(names, p.Import+"#"+d.name)
		}
	}
	switch {
	case len(found) == 0:
		return fmt.Errorf("no extension point %sis defined there", map[bool]string{true: p.point + " "}[p.point != ""])
	case len(found) > 1:
		return fmt.Errorf("it has several extension points: name one of %s", strings.Join(names, ", "))
	}
	d := found[0]
	p.point = d.name
	var err [3]error
	p.ID, err[0] = strconv.Unquote(literal(d.args[0]))
	p.Major, err[1] = strconv.Atoi(literal(d.args[1]))
	p.Minor, err[2] = strconv.Atoi(literal(d.args[2]))
	if err != [3]error{} {
		return fmt.Errorf("the id and the version of %s are not written out", d.name)
	}
	return nil
}

func literal(x ast.Expr) string {
	if l, ok := x.(*ast.BasicLit); ok {
		return l.Value
	}
	return ""
}

// bodies are methods as a template begins with them: they say that they are not written yet.
var bodies = map[string]string{
	"Unary":        "func (p *plugin) %[1]s(_ context.Context, _ %[2]s) (out %[3]s, err error) {\n\treturn out, contract.Errorf(contract.Unimplemented, \"%[4]s is not written yet\")\n}",
	"ServerStream": "func (p *plugin) %[1]s(_ context.Context, _ %[2]s) iter.Seq2[%[3]s, error] {\n\treturn func(yield func(out %[3]s, err error) bool) {\n\t\tvar out %[3]s\n\t\tyield(out, contract.Errorf(contract.Unimplemented, \"%[4]s is not written yet\"))\n\t}\n}",
	"ClientStream": "func (p *plugin) %[1]s(_ context.Context, _ iter.Seq2[%[2]s, error]) (out %[3]s, err error) {\n\treturn out, contract.Errorf(contract.Unimplemented, \"%[4]s is not written yet\")\n}",
	"BidiStream":   "func (p *plugin) %[1]s(context.Context, *contract.Duplex[%[3]s, %[2]s]) error {\n\treturn contract.Errorf(contract.Unimplemented, \"%[4]s is not written yet\")\n}",
}

// findMethods finds the methods of the point that are not optional.
func (p *PointPackage) findMethods(files []*ast.File) error {
	for _, d := range definitions(files) {
		body, ok := bodies[d.f]
		if !ok || len(d.args) < 2 || len(d.typ) != 2 || !isIdent(d.args[0], p.point) || slices.ContainsFunc(d.args[2:], optional) {
			continue
		}
		name := []rune(d.name)
		name[0] = unicode.ToLower(name[0])
		m := PointMethod{Var: d.name, Kind: d.f, Func: string(name)}
		if token.IsKeyword(m.Func) || m.Func == "env" {
			m.Func += "Method"
		}
		var types [2]string
		for i, t := range d.typ {
			var err error
			if types[i], err = p.typeText(d.file, t); err != nil {
				return fmt.Errorf("%s: %w", d.name, err)
			}
		}
		m.Body = fmt.Sprintf(body, m.Func, types[0], types[1], d.name)
		if strings.Contains(m.Body, "iter.") {
			p.std("iter")
		}
		p.Methods = append(p.Methods, m)
	}
	if len(p.Methods) == 0 {
		return fmt.Errorf("%s has no required method", p.point)
	}
	return nil
}

// std adds an import.
func (p *PointPackage) std(pkg string) {
	if !slices.Contains(p.Std, pkg) {
		p.Std = append(p.Std, pkg)
		slices.Sort(p.Std)
	}
}

func isIdent(x ast.Expr, name string) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == name
}

// optional reports whether an option of a method says that a plugin may leave it out.
func optional(x ast.Expr) bool {
	lit, ok := x.(*ast.CompositeLit)
	if !ok {
		return false
	}
	return slices.ContainsFunc(lit.Elts, func(e ast.Expr) bool {
		kv, ok := e.(*ast.KeyValueExpr)
		return ok && isIdent(kv.Key, "Optional") && isIdent(kv.Value, "true")
	})
}

// typeText writes a type of the package as another package does.
func (p *PointPackage) typeText(f *ast.File, t ast.Expr) (string, error) {
	var bad error
	var qualify func(x ast.Expr) ast.Expr
	qualify = func(x ast.Expr) ast.Expr {
		switch x := x.(type) {
		case *ast.Ident:
			if ast.IsExported(x.Name) {
				return &ast.SelectorExpr{X: ast.NewIdent(p.Package), Sel: x}
			}
			if !slices.Contains(basicTypes, x.Name) {
				bad = fmt.Errorf("the type %s cannot be used outside of its package", x.Name)
			}
			return x
		case *ast.StarExpr:
			return &ast.StarExpr{X: qualify(x.X)}
		case *ast.ArrayType:
			return &ast.ArrayType{Len: x.Len, Elt: qualify(x.Elt)}
		case *ast.MapType:
			return &ast.MapType{Key: qualify(x.Key), Value: qualify(x.Value)}
		case *ast.SelectorExpr:
			if id, ok := x.X.(*ast.Ident); ok && localName(f, id.Name) == id.Name { // of the standard library
				p.std(id.Name)
				return x
			}
		}
		bad = fmt.Errorf("a type is not understood")
		return x
	}
	var b bytes.Buffer
	if err := printer.Fprint(&b, token.NewFileSet(), qualify(t)); err != nil {
		return "", err
	}
	return b.String(), bad
}

var basicTypes = strings.Fields("bool string byte rune error any int int8 int16 int32 int64 uint uint8 uint16 uint32 uint64 float32 float64")
