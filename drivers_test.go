package plugstead_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
)

// TestDefaultDrivers: every runtime has one driver, what is linked comes first, and
// PLUGSTEAD_ATTACH reaches the one of processes.
func TestDefaultDrivers(t *testing.T) {
	t.Setenv("PLUGSTEAD_ATTACH", "acme/a=/nowhere/at/all")
	var names []string
	for _, d := range plugstead.DefaultDrivers() {
		names = append(names, d.Runtime())
		if d.Runtime() != manifest.RuntimeProcess {
			continue
		}
		im := load.Image{Manifest: &manifest.Manifest{ID: "acme/a"}, Runtime: d.Runtime()}
		if _, err := d.Start(t.Context(), im, load.Spec{}); !errors.Is(err, contract.Unavailable) {
			t.Errorf("got %v, want that nobody listens", err)
		}
	}
	seen := map[string]bool{}
	for _, n := range names {
		if seen[n] {
			t.Errorf("two drivers for %s", n)
		}
		seen[n] = true
	}
	if want := append([]string{manifest.RuntimeInproc}, manifest.PackageRuntimes()...); !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}
