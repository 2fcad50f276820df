package static_test

import (
	"net/http"
	"testing"

	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/internal/mirrortest"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/registry/static"
)

// TestPartsTogether has mirrors each of which has a part: what one of them has can be
// chosen, what none has cannot, and a mirror that cannot be asked has nothing.
func TestPartsTogether(t *testing.T) {
	s := registrytest.New(t)
	for _, v := range []string{"1.0.0", "2.0.0", "3.0.0"} {
		p := plugintest.Pack(t, "acme/a", v)
		plugintest.Push(t, s.Client().Target(p.Manifest.ID), p)
	}
	part := func(list ...string) *static.Tree {
		dir := t.TempDir()
		mirrortest.Copy(t, s.Client(), dir, list...)
		tree, err := static.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		return tree
	}
	one, two := part("acme/a@^1"), part("acme/a@^2")
	plugintest.Push(t, s.Client().Target("acme/b"), plugintest.Pack(t, "acme/b", "1.0.0"))
	other := part("acme/b")
	dir := t.TempDir()
	mirrortest.Copy(t, two, dir)
	server, _ := serve(t, http.FileServer(http.Dir(dir)))
	gone, err := client.New("http://127.0.0.1:1", client.Options{Retry: fetch.Retry{Times: -1}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		list []fetch.Source
		want string
	}{
		"one":               {[]fetch.Source{one}, "1.0.0"},
		"two":               {[]fetch.Source{one, two}, "1.0.0 2.0.0"},
		"over a network":    {[]fetch.Source{one, server}, "1.0.0 2.0.0"},
		"the whole":         {[]fetch.Source{one, s.Client()}, "1.0.0 2.0.0 3.0.0"},
		"one without it":    {[]fetch.Source{other, two}, "2.0.0"},
		"one that is away":  {[]fetch.Source{gone, one}, "1.0.0 2.0.0 3.0.0"}, // it may have all
		"the origin behind": {[]fetch.Source{server, gone}, "1.0.0 2.0.0 3.0.0"},
	} {
		m := fetch.Mirrored{Origin: c.list[len(c.list)-1], Sources: c.list}
		if got := versions(t, m, "", false, "acme/a"); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
