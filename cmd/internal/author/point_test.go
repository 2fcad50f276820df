package author

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// pointSource is a package with every kind of method and type.
const pointSource = `package store

import (
	"time"

	c "github.com/plugstead/plugstead/contract"
)

type (
	Key   string
	Entry struct{ Value []byte }
	inner struct{}
)

var (
	Point = c.Define("acme.dev/store", 2, 3)

	Get    = c.Unary[Key, *Entry](Point, "Get")
	Put    = c.ClientStream[map[Key][]Entry, int](Point, "Put", c.MethodOptions{Since: 1})
	Watch  = c.ServerStream[time.Duration, [4]Key](Point, "Watch")
	Sync   = c.BidiStream[Key, error](Point, "Sync")
	Env    = c.Unary[string, bool](Point, "Env")
	Type   = c.Unary[string, bool](Point, "Type")
	Forget = c.Unary[Key, Key](Point, "Forget", c.MethodOptions{Optional: true})
	other  = 7
)
`

func parsePoint(t *testing.T, src, name string) (*PointPackage, error) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "x.go", src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	p := &PointPackage{Import: "acme.dev/store", Package: f.Name.Name, point: name}
	if err := p.findPoint([]*ast.File{f}); err != nil {
		return nil, err
	}
	return p, p.findMethods([]*ast.File{f})
}

func TestPointPackage(t *testing.T) {
	p, err := parsePoint(t, pointSource, "")
	if err != nil {
		t.Fatal(err)
	}
	if p.ID != "acme.dev/store" || p.Major != 2 || p.Minor != 3 || !reflect.DeepEqual(p.Std, []string{"iter", "time"}) {
		t.Errorf("%+v", p)
	}
	want := map[string]string{
		"get":        "Unary: func (p *plugin) get(_ context.Context, _ store.Key) (out *store.Entry, err error) {",
		"put":        "ClientStream: func (p *plugin) put(_ context.Context, _ iter.Seq2[map[store.Key][]store.Entry, error]) (out int, err error) {",
		"watch":      "ServerStream: func (p *plugin) watch(_ context.Context, _ time.Duration) iter.Seq2[[4]store.Key, error] {",
		"sync":       "BidiStream: func (p *plugin) sync(context.Context, *contract.Duplex[error, store.Key]) error {",
		"envMethod":  "Unary: func (p *plugin) envMethod(_ context.Context, _ string) (out bool, err error) {",
		"typeMethod": "Unary: func (p *plugin) typeMethod(_ context.Context, _ string) (out bool, err error) {",
	}
	if len(p.Methods) != len(want) {
		t.Errorf("%d methods, want %d", len(p.Methods), len(want))
	}
	for _, m := range p.Methods {
		line, _, _ := strings.Cut(m.Body, "\n")
		if got := m.Kind + ": " + line; got != want[m.Func] {
			t.Errorf("%s:\n%s\nwant\n%s", m.Func, got, want[m.Func])
		}
		if _, err := parser.ParseFile(token.NewFileSet(), "", "package x\n"+m.Body, 0); err != nil {
			t.Errorf("%s: %v", m.Func, err)
		}
	}
}

func TestPointPackageMistakes(t *testing.T) {
	const head = "package store\nimport \"github.com/plugstead/plugstead/contract\"\n"
	for name, c := range map[string]struct{ src, point, want string }{
		"none":           {head + "var X = 1", "", "no extension point is defined"},
		"not that":       {pointSource, "Other", "no extension point Other is defined"},
		"two":            {head + `var A = contract.Define("a.b/c", 1, 0); var B = contract.Define("a.b/d", 1, 0)`, "", "name one of acme.dev/store#A, acme.dev/store#B"},
		"not exported":   {head + `var a = contract.Define("a.b/c", 1, 0)`, "", "no extension point"},
		"computed":       {head + `var A = contract.Define(name, 1, minor)`, "", "not written out"},
		"no method":      {head + `var A = contract.Define("a.b/c", 1, 0)`, "", "no required method"},
		"private type":   {strings.Replace(pointSource, "[Key, *Entry]", "[inner, Key]", 1), "", "Get: the type inner cannot be used outside"},
		"strange type":   {strings.Replace(pointSource, "[Key, *Entry]", "[struct{}, Key]", 1), "", "Get: a type is not understood"},
		"other contract": {strings.Replace(pointSource, "plugstead/contract", "plugstead/other", 1), "", "no extension point"},
	} {
		if _, err := parsePoint(t, c.src, c.point); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if p, err := parsePoint(t, head+`var A = contract.Define("a.b/c", 1, 0); var B = contract.Define("a.b/d", 1, 0); var M = contract.Unary[int, int](B, "M")`, "B"); err != nil || p.ID != "a.b/d" || len(p.Methods) != 1 {
		t.Errorf("the named one of two: %+v, %v", p, err)
	}
}

func TestParseFolder(t *testing.T) {
	dir := t.TempDir()
	if _, err := parseFolder(dir, ""); err == nil {
		t.Error("a folder without Go files")
	}
	for name, src := range map[string]string{"a.go": "package a", "a_test.go": "no Go at all", "b.txt": "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(src), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := parseFolder(dir, ""); err != nil || len(list) != 1 {
		t.Error(list, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "c.go"), []byte("package"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := parseFolder(dir, ""); err == nil {
		t.Error("a file that is no Go")
	}
}

// FuzzPoint: whatever stands in a package, reading it neither fails hard nor makes methods
// that are no Go.
func FuzzPoint(f *testing.F) {
	f.Add(pointSource)
	f.Add("package p\nimport . \"github.com/plugstead/plugstead/contract\"\nvar A, B = Define(\"a\", 1), 2")
	f.Add("package p\nimport c \"github.com/plugstead/plugstead/contract\"\nvar P = c.Define(\"a\", 1, 0)\nvar M = c.Unary[func(), chan int](P)")
	f.Fuzz(func(t *testing.T, src string) {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", src, parser.SkipObjectResolution)
		if err != nil {
			return
		}
		p := &PointPackage{Import: "x.dev/p", Package: file.Name.Name}
		if p.findPoint([]*ast.File{file}) != nil || p.findMethods([]*ast.File{file}) != nil {
			return
		}
		for _, m := range p.Methods {
			if _, err := parser.ParseFile(token.NewFileSet(), "", "package x\n"+m.Body, 0); err != nil {
				t.Errorf("%s: %v", m.Body, err)
			}
		}
	})
}
