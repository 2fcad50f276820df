package oci_test

import (
	"context"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/oci"
	"github.com/plugstead/plugstead/registry/registrytest"
)

// operator may publish to a registry of package registrytest.
type operator struct{}

func (operator) Credential(context.Context, string) (client.Credential, error) {
	return client.Credential{User: "any", Password: registrytest.Token}, nil
}

// TestOurRegistryIsPlainToo reads from a registry as from any other, and publishes to it. It
// takes no tag that is not a version, and so no cache.
func TestOurRegistryIsPlainToo(t *testing.T) {
	g := registrytest.New(t)
	list := pack(t, "1.0.0", "1.1.0", "1.2.0+build")
	plugintest.Push(t, g.Client().Target(id), list[:2]...)
	s, err := oci.Open("oci://"+strings.TrimPrefix(g.URL, "http://"), client.Options{Credentials: operator{}})
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	to, err := s.Target(id, oci.TargetOptions{Stale: func(err error) {
		if told++; !strings.Contains(err.Error(), "PLUGIN_INVALID") {
			t.Error(err)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := publish.Push(t.Context(), to, list[2], publish.Options{}); err != nil || told != 1 {
		t.Errorf("%v, told %d times", err, told)
	}
	a, err := s.Document(t.Context(), id, "")
	if err != nil || string(a.Bytes) != folder(t, list...) {
		t.Errorf("%v:\n%s", err, a.Bytes)
	}
	if p, err := g.Client().Plugin(t.Context(), id); err != nil || len(p.Releases) != 3 {
		t.Errorf("%+v, %v", p, err)
	}
}
