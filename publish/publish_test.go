package publish_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/store"
	"github.com/plugstead/plugstead/store/mem"
)

// journal is a target that writes down what happens and fails on request.
type journal struct {
	mem.Store
	log    []string
	failAt int // number of the operation, from 1
}

var errDown = errors.New("target is down")

func (j *journal) op(format string, args ...any) error {
	j.log = append(j.log, fmt.Sprintf(format, args...))
	if len(j.log) == j.failAt {
		return errDown
	}
	return nil
}

func (j *journal) Put(ctx context.Context, d artifact.Descriptor, r io.Reader) error {
	if err := j.op("put %s", d.Digest); err != nil {
		return err
	}
	return j.Store.Put(ctx, d, r)
}

func (j *journal) Tag(ctx context.Context, name, tag string, d artifact.Descriptor) error {
	if err := j.op("tag %s:%s %s", name, tag, d.Digest); err != nil {
		return err
	}
	return j.Store.Tag(ctx, name, tag, d)
}

func TestOrder(t *testing.T) {
	p := plugintest.Pack(t, "acme/hello", "1.0.0+build.1")
	j := new(journal)
	var pushed []artifact.Digest
	o := publish.Options{Events: publish.Events{Pushed: func(d artifact.Descriptor) { pushed = append(pushed, d.Digest) }}}
	if err := publish.Push(t.Context(), j, p, o); err != nil {
		t.Fatal(err)
	}
	last := len(j.log) - 1
	if j.log[last] != fmt.Sprintf("tag acme/hello:1.0.0_build.1 %s", p.Digest) || j.log[last-1] != "put "+string(p.Digest) {
		t.Fatalf("index and tag do not come last: %v", j.log)
	}
	if len(pushed) != last || slices.Index(pushed, p.Meta.Digest) > slices.Index(pushed, p.Digest) {
		t.Fatalf("pushed %v", pushed)
	}
	if err := publish.Push(t.Context(), j, p, o); err != nil {
		t.Fatalf("again: %v", err)
	}
}

// TestFailureAtEveryStep breaks the target at each operation: nothing is published, and
// a repetition completes it.
func TestFailureAtEveryStep(t *testing.T) {
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	for at := 1; at <= len(p.Blobs())+1; at++ {
		j := &journal{failAt: at}
		if err := publish.Push(t.Context(), j, p, publish.Options{}); !errors.Is(err, errDown) || !strings.Contains(err.Error(), "acme/hello 1.0.0") {
			t.Fatalf("step %d: %v", at, err)
		}
		if _, err := j.Resolve(t.Context(), "acme/hello", "1.0.0"); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("step %d: the version is there: %v", at, err)
		}
		j.failAt = 0
		if err := publish.Push(t.Context(), j, p, publish.Options{}); err != nil {
			t.Fatalf("step %d, again: %v", at, err)
		}
	}
}

func TestFolderAndLoad(t *testing.T) {
	dir := plugintest.Folder(t, map[string]string{"plugin.yaml": plugintest.YAML("acme/hello", "1.0.0"), "m.wasm": "x"})
	root := plugintest.Root(t, dir)
	m, err := publish.Load(root)
	if err != nil || m.ID != "acme/hello" {
		t.Fatal(m, err)
	}
	s := new(mem.Store)
	im, err := publish.Folder(t.Context(), s, root, publish.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := s.Resolve(t.Context(), "acme/hello", "1.0.0"); err != nil || d.Digest != im.Digest {
		t.Fatal(d, err)
	}
	if _, err := publish.Load(plugintest.Root(t, t.TempDir())); !errors.Is(err, publish.ErrNoManifest) {
		t.Fatal(err)
	}
	bad := plugintest.Folder(t, map[string]string{"plugin.yaml": "id: acme/hello\nverson: 1\n"})
	_, err = publish.Load(plugintest.Root(t, bad))
	if list, ok := errors.AsType[manifest.Errors](err); !ok || list[0].Hint != "version" {
		t.Fatal(err)
	}
}

func TestConfigSchema(t *testing.T) {
	for content, want := range map[string]string{
		`{"type":"object"}`: "", `[]`: "not a JSON schema", `{`: "not a JSON schema", `"x"`: "not a JSON schema",
		`{"x":"` + strings.Repeat("x", artifact.MaxDocument) + `"}`: "limit",
	} {
		dir := plugintest.Folder(t, map[string]string{
			"plugin.yaml": plugintest.YAML("acme/hello", "1.0.0", "config: config.json"), "m.wasm": "x", "config.json": content,
		})
		m, err := publish.Load(plugintest.Root(t, dir))
		if want == "" && (err != nil || m.Config != "config.json") || want != "" && (err == nil || !strings.Contains(err.Error(), "config.json: ") || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.40s: %v, want %q", content, err, want)
		}
	}
}
