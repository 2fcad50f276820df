package cli_test

import (
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/ocitest"
)

// plains are the plain registries of scripts, by address.
var plains sync.Map

// plainRegistry runs a plain OCI registry with pages of two tags until the script ends, and
// puts its name as a source into $PLAIN. Usage: plain-registry [private]
func plainRegistry(ts *testscript.TestScript, _ bool, args []string) {
	g := ocitest.Start()
	ts.Defer(g.Close)
	g.Set(func() { g.Page = 2; g.Bearer, g.Private = true, len(args) > 0 })
	ts.Setenv("PLAIN", g.Name())
	ts.Setenv("PLAIN_HOST", strings.TrimPrefix(g.Name(), "oci://"))
	plains.Store(g.Name(), g)
}

// moveTag makes a tag name what another one does, or nothing; with "and-forget" what it named
// is gone, too. Usage: move-tag REPOSITORY TAG [TO] [and-forget]
func moveTag(ts *testscript.TestScript, _ bool, args []string) {
	x, _ := plains.Load(ts.Getenv("PLAIN"))
	g := x.(*ocitest.Registry)
	old, _ := g.At(args[0], args[1])
	if len(args) == 2 {
		g.Untag(args[0], args[1])
		return
	}
	_, raw := g.At(args[0], args[2])
	if len(raw) == 0 {
		ts.Fatalf("no tag %s", args[2])
	}
	g.Tag(args[0], args[1], artifact.MediaIndex, raw)
	if len(args) > 3 {
		g.Remove(args[0], old)
	}
}

// asked fails unless the plain registry was asked so many times since the last call.
// Usage: asked N
func asked(ts *testscript.TestScript, _ bool, args []string) {
	x, _ := plains.Load(ts.Getenv("PLAIN"))
	list := x.(*ocitest.Registry).Requests()
	if len(args) > 0 && args[0] != strconv.Itoa(len(list)) {
		ts.Fatalf("asked %d times:\n%s", len(list), strings.Join(list, "\n"))
	}
}
