package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestPure holds the packages that the Makefile tests without the race detector to what
// makes that right: no goroutine is started, and nothing is there that goroutines share.
func TestPure(t *testing.T) {
	b, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, "PURE "); ok {
			_, value, _ = strings.Cut(value, ":=")
			list = strings.Fields(value)
		}
	}
	if len(list) == 0 {
		t.Fatal("the Makefile names no packages")
	}
	for _, p := range list {
		files, err := filepath.Glob(filepath.Join("../..", p, "*.go"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s: no package, %v", p, err)
		}
		for _, f := range files {
			impure(t, f)
		}
	}
}

func impure(t *testing.T, path string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, im := range f.Imports {
		if name, _ := strconv.Unquote(im.Path.Value); slices.Contains([]string{"sync", "sync/atomic", "golang.org/x/sync/errgroup"}, name) {
			t.Errorf("%s imports %s", path, name)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			t.Errorf("%s starts a goroutine", path)
		case *ast.SelectorExpr:
			if n.Sel.Name == "Parallel" {
				t.Errorf("%s runs tests side by side", path)
			}
		}
		return true
	})
}
