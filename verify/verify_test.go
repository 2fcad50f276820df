package verify_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/store/disk"
	"github.com/plugstead/plugstead/store/mem"
	"github.com/plugstead/plugstead/verify"
	"github.com/plugstead/plugstead/version"
)

func fetched(t *testing.T, more ...string) fetch.Fetched {
	t.Helper()
	dir := t.TempDir()
	d, err := disk.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	plugintest.Push(t, d, plugintest.Pack(t, "acme/a", "1.0.0", more...))
	src, err := fetch.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := resolve.Solve(t.Context(), src, resolve.Problem{
		Wishes: []resolve.Wish{{ID: "acme/a"}}, Host: resolve.Host{Version: version.MustParse("1.0.0"), Runtimes: []string{"wasm"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := fetch.Fetch(t.Context(), fetch.Sources{Default: src}, new(mem.Store), s.Choices, fetch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return got[0]
}

func TestFetched(t *testing.T) {
	v, err := verify.Fetched(verify.Policy{}, fetched(t))
	if err != nil || !v.OK() {
		t.Fatal(err)
	}
	if m := v.Manifest(); m.ID != "acme/a" {
		t.Fatalf("got %+v", m)
	}
	if (verify.Verified{}).OK() {
		t.Fatal("the zero value is verified")
	}
}

func TestMismatches(t *testing.T) {
	for name, spoil := range map[string]func(*fetch.Fetched){
		"another artifact": func(f *fetch.Fetched) { f.Image.Digest = artifact.DigestOf([]byte("x")) },
		"another version":  func(f *fetch.Fetched) { f.Image.Manifest.Version.Minor++ },
		"more rights": func(f *fetch.Fetched) {
			f.Image.Manifest.Capabilities = append(f.Image.Manifest.Capabilities, "run:sh")
		},
		"fewer needs":     func(f *fetch.Fetched) { f.Choice.Release.Requires = []manifest.Need{{ID: "acme/b"}} },
		"another payload": func(f *fetch.Fetched) { f.Package.Payload.Digest = artifact.DigestOf([]byte("x")) },
		"another size":    func(f *fetch.Fetched) { f.Package.Payload.Size++ },
		"another package": func(f *fetch.Fetched) { f.Package.Digest = artifact.DigestOf([]byte("x")) },
	} {
		f := fetched(t)
		spoil(&f)
		if v, err := verify.Fetched(verify.Policy{}, f); !errors.Is(err, verify.ErrMismatch) || v.OK() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPolicy(t *testing.T) {
	f := fetched(t, `capabilities: ["net:example.org:443"]`)
	r := f.Choice.Release
	for _, c := range []struct {
		policy verify.Policy
		locked bool
		want   string
	}{
		{verify.Policy{}, false, ""},
		{verify.Policy{Forbidden: []manifest.Capability{"net:example.org:443"}}, false, "forbidden: it asks for"},
		{verify.Policy{Forbidden: []manifest.Capability{"net:"}}, true, "forbidden: it asks for"},
		{verify.Policy{Forbidden: []manifest.Capability{"net"}}, false, ""},
		{verify.Policy{Forbidden: []manifest.Capability{"run:"}}, false, ""},
	} {
		why, ok := c.policy.Admit("acme/a", r, c.locked)
		if ok != (c.want == "") || !strings.Contains(why, c.want) {
			t.Errorf("%+v: %q, %v", c, why, ok)
		}
		lock := &resolve.Lock{}
		if c.locked {
			lock.Plugins = []resolve.Locked{{ID: "acme/a", Digest: r.Digest}}
		}
		err := verify.Solution(c.policy, &resolve.Solution{Choices: []resolve.Choice{f.Choice}}, lock)
		if (err == nil) != ok || err != nil && !errors.Is(err, verify.ErrPolicy) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestQuotas: what is too large is not fetched, unless it is installed already; and the
// limits of what a payload may unpack to reach whoever unpacks it.
func TestQuotas(t *testing.T) {
	f := fetched(t)
	n := f.Choice.Package.Payload.Size
	s := &resolve.Solution{Choices: []resolve.Choice{f.Choice}}
	for name, c := range map[string]struct {
		limit, size int64
		here, want  bool
	}{
		"as large as allowed":     {n, n, false, true},
		"larger":                  {n - 1, n, false, false},
		"larger, installed":       {n - 1, n, true, true},
		"the default":             {0, artifact.MaxPayload, false, true},
		"beyond the default":      {0, artifact.MaxPayload + 1, false, false},
		"no rule makes it larger": {artifact.MaxPayload + 1, artifact.MaxPayload + 1, false, false},
	} {
		s.Choices[0].Package.Payload.Size = c.size
		lock := &resolve.Lock{}
		if c.here {
			lock.Plugins = []resolve.Locked{{ID: "acme/a", Digest: f.Choice.Release.Digest}}
		}
		err := verify.Solution(verify.Policy{Payload: c.limit}, s, lock)
		if (err == nil) != c.want || err != nil && !errors.Is(err, verify.ErrPolicy) {
			t.Errorf("%s: %v", name, err)
		}
	}
	limits := artifact.UnpackLimits{Bytes: 1, Files: 2, Ratio: 3, Path: 4}
	if v, err := verify.Fetched(verify.Policy{Unpack: limits}, fetched(t)); err != nil || v.Limits() != limits {
		t.Errorf("%+v, %v", v.Limits(), err)
	}
}

// TestForbiddenManifest: a lock does not keep capabilities, so they are judged again
// when the artifact is there.
func TestForbiddenManifest(t *testing.T) {
	f := fetched(t, `capabilities: ["net:example.org:443"]`)
	v, err := verify.Fetched(verify.Policy{Forbidden: []manifest.Capability{"net:"}}, f)
	if !errors.Is(err, verify.ErrPolicy) || v.OK() {
		t.Errorf("%+v, %v", v, err)
	}
}
