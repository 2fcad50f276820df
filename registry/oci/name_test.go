package oci_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry/oci"
)

const vectors = "../../docs/spec/testdata/oci-source/"

func TestNames(t *testing.T) {
	b, err := os.ReadFile(vectors + "names.json")
	if err != nil {
		t.Fatal(err)
	}
	var x struct {
		Accepted []struct{ Name, Identity, Base, Repository string }
		Refused  []string
	}
	if err := json.Unmarshal(b, &x); err != nil {
		t.Fatal(err)
	}
	if len(x.Accepted) < 10 || len(x.Refused) < 20 {
		t.Fatalf("%d names and %d that are refused", len(x.Accepted), len(x.Refused))
	}
	for _, c := range x.Accepted {
		n, err := oci.Parse(c.Name)
		if err != nil || n.String() != c.Identity || n.Base() != c.Base || !oci.Is(c.Name) {
			t.Errorf("%s: %s at %s, %v", c.Name, n, n.Base(), err)
			continue
		}
		if repo, err := n.Repository("ns/name"); err != nil || repo != c.Repository {
			t.Errorf("%s: repository %s, %v", c.Name, repo, err)
		}
		if again, err := oci.Parse(c.Identity); err != nil || again != n {
			t.Errorf("%s: the identity is another source: %+v, %v", c.Name, again, err)
		}
	}
	for _, s := range x.Refused {
		if n, err := oci.Parse(s); !errors.Is(err, oci.ErrName) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %+v, %v", s, n, err)
		}
	}
}

func TestIs(t *testing.T) {
	for s, want := range map[string]bool{
		"oci://h": true, "OCI://h": true, "oci:h": true, "oci+ftp://h": true,
		"": false, "oci": false, "./oci:h": false, "http://oci": false, "ocean://h": false, "/oci://h": false,
	} {
		if oci.Is(s) != want {
			t.Errorf("%q: %t", s, !want)
		}
	}
}

func TestRepositoriesHaveShortNames(t *testing.T) {
	n, err := oci.Parse("oci://host/" + strings.Repeat("a", 240))
	if err != nil {
		t.Fatal(err)
	}
	if repo, err := n.Repository("ns/name"); err != nil || len(repo) != 248 {
		t.Errorf("%s, %v", repo, err)
	}
	if _, err := n.Repository(manifest.ID("ns/" + strings.Repeat("n", 12))); !errors.Is(err, oci.ErrName) {
		t.Errorf("256 bytes: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"oci://host", "oci://[::1]:5000/a/b", "oci+http://h:80/", "oci://docker.io/x", "oci://u:p@h/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := oci.Parse(s)
		if err != nil {
			if !errors.Is(err, oci.ErrName) {
				t.Error(err)
			}
			return
		}
		again, err := oci.Parse(n.String())
		if err != nil || again != n {
			t.Errorf("%q is %s, which is %s, %v", s, n, again, err)
		}
	})
}
