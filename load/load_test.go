package load_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/guest"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
)

func TestCaller(t *testing.T) {
	ctx := load.WithCaller(t.Context(), "acme/hello")
	if load.Caller(ctx) != "acme/hello" || load.Caller(t.Context()) != "" {
		t.Error(load.Caller(ctx), load.Caller(t.Context()))
	}
}

func TestLogger(t *testing.T) {
	if (load.Spec{}).Logger() != slog.Default() {
		t.Error("no logger is not the default one")
	}
	if l := slog.New(slog.DiscardHandler); (load.Spec{Log: l}).Logger() != l {
		t.Error("the logger is lost")
	}
}

var names = []string{
	"acme/hello", "a/b", "a.b_c__d-e--f/0", "a/b/c", "a", "", "/", "a/", "A/b", "a..b/c", "a._b/c", "a___b/c", "-a/b", "a-/b", "ä/b", "a b/c",
	"acme.dev", "acme.dev/greeter", "a/b._-c", "a_b/c", "a-b.c/d", ".a/b", strings.Repeat("a", 64) + "/b", strings.Repeat("a", 65) + "/b", strings.Repeat("a", 201),
}

// agree compares the rules that plugins check for themselves, without the libraries of
// the manifest, with those of the manifest.
func agree(t *testing.T, s string) {
	if _, err := manifest.ParseID(s); guest.ValidID(s) != (err == nil) {
		t.Errorf("plugin id %q: the SDK says %v, the manifest %v", s, guest.ValidID(s), err)
	}
	if err := manifest.CheckPointID(s); contract.ValidPointID(s) != (err == nil) {
		t.Errorf("extension point %q: the contract says %v, the manifest %v", s, contract.ValidPointID(s), err)
	}
}

func TestNamesAgree(t *testing.T) {
	for _, s := range names {
		agree(t, s)
	}
}

func FuzzNamesAgree(f *testing.F) {
	for _, s := range names {
		f.Add(s)
	}
	f.Fuzz(agree)
}
