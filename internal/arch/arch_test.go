package arch_test

import (
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "github.com/plugstead/plugstead"
	root   = "../.."
)

// vocabulary is below all steps; a package may import those before it.
var vocabulary = []string{"version", "manifest", "artifact", "config", "contract", "hook", "sdk"}

// steps in the order of the walk.
var steps = []string{"publish", "store", "index", "resolve", "fetch", "verify", "install", "load", "supervise", "update"}

// above stands on the steps.
var above = []string{"registry", "", "config/schema", "plugcobra"}

// foreign lists the modules from outside that a package may import, tests apart.
// What is not listed may import the standard library only. A prefix ends in /.
var foreign = map[string][]string{
	"contract":                       {"github.com/fxamacker/cbor/"},
	"internal/guest":                 {"github.com/fxamacker/cbor/"},
	"manifest":                       {"go.yaml.in/yaml/"},
	"config/schema":                  {"github.com/santhosh-tekuri/jsonschema/", "golang.org/x/text/"},
	"artifact":                       {"golang.org/x/text/unicode/norm"},
	"fetch":                          {"golang.org/x/sync/"},
	"registry/registrytest":          {"github.com/klauspost/compress/zstd"},
	"registry/handler":               {"github.com/klauspost/compress/zstd", "golang.org/x/sync/"},
	"load/wasm":                      {"github.com/tetratelabs/wazero"},
	"load/process":                   {"golang.org/x/sys/"},
	"load/internal/confine":          {"golang.org/x/sys/"},
	"load/internal/tree":             {"golang.org/x/sys/"},
	"internal/frame":                 {"golang.org/x/sys/"},
	"internal/filelock":              {"github.com/gofrs/flock"},
	"internal/terminal":              {"golang.org/x/sys/"},
	"internal/terminal/terminaltest": {"golang.org/x/sys/"},
	"internal/diskspace":             {"golang.org/x/sys/"},
	"internal/cmdline":               {"github.com/spf13/cobra"},
	"plugcobra":                      {"github.com/spf13/cobra"},
}

// pkg is one package of the root module.
type pkg struct {
	path    string // "" is the root package
	imports map[string]string
	renames bool
}

// packages reads the imports of every package, on all systems, without tests.
func packages(t *testing.T) []pkg {
	t.Helper()
	found := map[string]*pkg{}
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		if e.IsDir() {
			if rel != "." && (isModule(p) || e.Name() == "testdata" || strings.HasPrefix(e.Name(), ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(p) != ".go" || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		dir := filepath.ToSlash(filepath.Dir(rel))
		if dir == "." {
			dir = ""
		}
		if found[dir] == nil {
			found[dir] = &pkg{path: dir, imports: map[string]string{}}
		}
		return read(p, found[dir])
	})
	if err != nil {
		t.Fatal(err)
	}
	var out []pkg
	for _, p := range found {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b pkg) int { return strings.Compare(a.path, b.path) })
	if len(out) < 15 {
		t.Fatalf("only %d packages found", len(out))
	}
	return out
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func read(file string, p *pkg) error {
	src, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	f, err := parser.ParseFile(token.NewFileSet(), file, src, parser.ImportsOnly)
	if err != nil {
		return err
	}
	for _, im := range f.Imports {
		path, err := strconv.Unquote(im.Path.Value)
		if err != nil {
			return err
		}
		p.imports[path] = file
	}
	p.renames = p.renames || strings.Contains(string(src), "os.Rename(")
	return nil
}

// first returns the top folder of a package path.
func first(path string) string {
	head, _, _ := strings.Cut(path, "/")
	return head
}

// rank orders packages: a package imports only what has a smaller rank, or its own
// top folder. ok is false for internal packages, which have rules of their own.
func rank(path string) (n int, ok bool) {
	head := first(path)
	if i := slices.Index(vocabulary, head); i >= 0 {
		return i, true
	}
	if i := slices.Index(steps, head); i >= 0 {
		return 100 + i, true
	}
	if i := slices.Index(above, head); i >= 0 {
		return 200 + i, true
	}
	return 0, false
}

func TestArrowsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		mine, ranked := rank(p.path)
		if !ranked && first(p.path) != "internal" {
			t.Errorf("%s has no place in the order: add it to vocabulary, steps or above", p.path)
		}
		for im, file := range p.imports {
			target, ok := strings.CutPrefix(im, module)
			target = strings.TrimPrefix(target, "/")
			other, otherRanked := rank(target)
			if !ok || !ranked || !otherRanked || first(target) == first(p.path) {
				continue
			}
			if other > mine {
				t.Errorf("%s imports %s: an arrow points up; declare a small interface in %s instead", file, target, p.path)
			}
		}
	}
}

func TestLoadAndSupervise(t *testing.T) {
	for _, p := range packages(t) {
		for im, file := range p.imports {
			target := first(strings.TrimPrefix(strings.TrimPrefix(im, module), "/"))
			if !strings.HasPrefix(im, module) || !slices.Contains(steps, target) || target == first(p.path) {
				continue
			}
			switch {
			case first(p.path) == "load":
				t.Errorf("%s imports %s: load imports no other step", file, target)
			case first(p.path) == "supervise" && target != "load":
				t.Errorf("%s imports %s: supervise imports only load", file, target)
			}
		}
	}
}

func TestForeignModules(t *testing.T) {
	for _, p := range packages(t) {
		for im, file := range p.imports {
			if strings.HasPrefix(im, module) || isStandard(im) {
				continue
			}
			if !slices.ContainsFunc(foreign[p.path], func(x string) bool { return im == x || strings.HasPrefix(im, strings.TrimSuffix(x, "/")+"/") }) {
				t.Errorf("%s imports %s: not in the list of package %q; see docs/design/dependencies.md", file, im, p.path)
			}
		}
	}
}

func isStandard(path string) bool {
	if path == "C" || path == "unsafe" {
		return true
	}
	p, err := build.Default.Import(path, "", build.FindOnly)
	return err == nil && p.Goroot
}

// TestGuestsStaySmall follows what sdk links: the standard library and the codec.
func TestGuestsStaySmall(t *testing.T) {
	byPath := map[string]pkg{}
	for _, p := range packages(t) {
		byPath[p.path] = p
	}
	seen := map[string]bool{}
	var visit func(path string)
	visit = func(path string) {
		if seen[path] {
			return
		}
		seen[path] = true
		for im, file := range byPath[path].imports {
			if rest, ok := strings.CutPrefix(im, module+"/"); ok {
				visit(rest)
			} else if !isStandard(im) && !strings.HasPrefix(im, "github.com/fxamacker/cbor/") {
				t.Errorf("sdk links %s by %s: a plugin links the standard library and the CBOR codec only", im, file)
			}
		}
	}
	visit("sdk")
	if len(seen) < 3 {
		t.Fatalf("followed only %v", seen)
	}
}

func TestOneDoorForRenames(t *testing.T) {
	for _, p := range packages(t) {
		if p.renames && p.path != "internal/durable" {
			t.Errorf("%s calls os.Rename; internal/durable is the one place", p.path)
		}
	}
}

func TestStepsSayTheirNumber(t *testing.T) {
	for i, s := range steps {
		want := "// Package " + s + " is step " + strconv.Itoa(i+1) + " of 10: "
		files, err := filepath.Glob(filepath.Join(root, s, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(files, func(f string) bool {
			b, err := os.ReadFile(f)
			return err == nil && strings.Contains(string(b), want)
		}) {
			t.Errorf("no file of %s says %q", s, want)
		}
	}
}

func TestDependenciesAreExplained(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(filepath.Join(root, "docs/design/dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	direct := 0
	for line := range strings.Lines(string(mod)) {
		f := strings.Fields(line)
		if len(f) < 2 || strings.Contains(line, "// indirect") || !strings.HasPrefix(f[1], "v") {
			continue
		}
		direct++
		if !strings.Contains(string(doc), "`"+f[0]+"`") {
			t.Errorf("docs/design/dependencies.md says nothing about %s", f[0])
		}
	}
	if direct == 0 || direct > 15 {
		t.Errorf("%d direct dependencies, want 1 to 15", direct)
	}
}
