package bundle_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/internal/durable/crashtest"
	"github.com/plugstead/plugstead/internal/mirrortest"
	"github.com/plugstead/plugstead/registry/bundle"
	"github.com/plugstead/plugstead/registry/mirror"
	"github.com/plugstead/plugstead/registry/static"
)

var trials = flag.Int("crash", 25, "kills of the import in TestKill")

func TestMain(m *testing.M) {
	crashtest.Main(func(what string) error {
		f := strings.Fields(what)
		return importBundle(context.Background(), f[0], f[1])
	})
	flag.Parse()
	os.Exit(m.Run())
}

// importBundle adds the plugins of a bundle to a tree.
func importBundle(ctx context.Context, path, dir string) error {
	b, err := bundle.Open(path)
	if err != nil {
		return err
	}
	set, err := mirror.Select(ctx, b, mirror.Selection{})
	if err != nil {
		return err
	}
	_, err = static.Copy(ctx, set, dir)
	return err
}

// TestKill ends an import with SIGKILL before a step on disk, many times: all that the
// tree then says it has can be copied from it, which checks every digest, and the next
// import completes it.
func TestKill(t *testing.T) {
	s := acme(t)
	first, all := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "all")
	write(t, s.Client(), first, "acme/hello@1.9.0")
	write(t, s.Client(), all, "acme/hello@^1", "acme/base")
	whole := t.TempDir()
	for _, path := range []string{first, all} {
		if err := importBundle(t.Context(), path, whole); err != nil {
			t.Fatal(err)
		}
	}
	want := mirrortest.Files(t, whole)
	for name, before := range map[string]string{"import": "", "import_more": first} {
		prepare := func() string {
			dir := t.TempDir()
			if before != "" {
				if err := importBundle(t.Context(), before, dir); err != nil {
					t.Fatal(err)
				}
			}
			return all + " " + dir
		}
		crashtest.Trials(t, name, *trials, prepare, func(what string) error {
			return judge(t, all, strings.Fields(what)[1], before != "", want)
		})
	}
}

// judge says what is wrong with a tree behind an import that was killed.
func judge(t *testing.T, path, dir string, mustOpen bool, want map[string]string) error {
	t.Helper()
	tree, err := static.Open(dir)
	switch {
	case err == nil:
		mirrortest.Copy(t, tree, t.TempDir())
	case mustOpen || !errors.Is(err, static.ErrNotTree):
		return err
	}
	if err := importBundle(t.Context(), path, dir); err != nil {
		return fmt.Errorf("the next import: %w", err)
	}
	if !maps.Equal(mirrortest.Files(t, dir), want) {
		return errors.New("the next import made another tree")
	}
	return nil
}
