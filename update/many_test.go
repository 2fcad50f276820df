package update_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/update"
)

const envMany = "PLUGSTEAD_TEST_MANY" // SEED URL DIR APP

const (
	processes = 32
	inOneSet  = 20
)

func allOfThem() (out []string) {
	for i := range inOneSet {
		out = append(out, fmt.Sprintf("many/p%02d", i))
	}
	return out
}

// one is one of many processes over one folder: it does a few things in any order.
func one(arg string) error {
	f := strings.Fields(arg)
	seed, err := strconv.ParseUint(f[0], 10, 64)
	if err != nil {
		return err
	}
	u, err := atApp(f[1], f[2], f[3])
	if err != nil {
		return err
	}
	rnd := rand.New(rand.NewPCG(seed, 9))
	ctx := context.Background()
	do := []func() error{
		func() error { _, _, err := u.Change(ctx, update.Change{UpdateAll: true}); return err },
		func() error { return rollback(ctx, u) },
		func() error { _, err := u.Collect(ctx, install.CollectOptions{Keep: -1, Grace: -1}); return err },
		func() error { return read(ctx, u) },
	}
	for range 2 {
		if err := do[rnd.IntN(len(do))](); err != nil {
			return err
		}
		if _, _, err := u.Change(ctx, update.Change{Install: wishes(allOfThem()...)}); err != nil {
			return err
		}
	}
	return read(ctx, u)
}

// atApp is at for an application in a store that it shares.
func atApp(url, dir, app string) (*update.Updater, error) {
	d, err := install.OpenIn(filepath.Join(dir, "plugins"), app)
	if err != nil {
		return nil, err
	}
	return into(url, dir, d)
}

func rollback(ctx context.Context, u *update.Updater) error {
	_, err := u.Rollback(ctx, 0)
	if errors.Is(err, install.ErrNoGeneration) { // there is only one yet
		return nil
	}
	return err
}

// read makes sure that what is installed is whole, as a host would.
func read(ctx context.Context, u *update.Updater) error {
	use, err := u.Dir.Use()
	if err != nil {
		return err
	}
	for _, r := range use.Records {
		if err := u.Dir.Check(ctx, r); err != nil {
			return errors.Join(err, use.Release())
		}
	}
	return use.Release()
}

// TestManyProcesses: 32 processes of two applications change, roll back, collect and read 20
// plugins in one store at one time. None fails, and each payload is there once.
func TestManyProcesses(t *testing.T) {
	w := newWorld(t)
	for _, id := range allOfThem() {
		w.publish(id, "1.0.0")
	}
	dir, apps := t.TempDir(), []string{"editor", "viewer"}
	var wg sync.WaitGroup
	for i := range processes {
		wg.Go(func() {
			c := exec.CommandContext(t.Context(), os.Args[0])
			c.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s %s %s", envMany, i, w.reg.URL, dir, apps[i%2]), "GORACE=atexit_sleep_ms=0")
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("process %d: %v\n%s", i, err, out)
			}
		})
	}
	wg.Wait()
	for _, app := range apps {
		u, err := atApp(w.reg.URL, dir, app)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := u.Change(t.Context(), wish(t, allOfThem()...)); err != nil {
			t.Fatal(err)
		}
		whole(t, u)
	}
	trees, err := filepath.Glob(filepath.Join(dir, "plugins", "trees", "*.json"))
	if err != nil || len(trees) != inOneSet {
		t.Errorf("%d payloads are unpacked, %v", len(trees), err)
	}
	for _, rest := range []string{"staging", "*/.tmp-*", "apps/*/*/.tmp-*", "blobs/blobs/sha256/.tmp-*"} {
		if left, err := filepath.Glob(filepath.Join(dir, "plugins", rest)); err != nil || len(left) > 0 {
			t.Errorf("%v is left, %v", left, err)
		}
	}
}

// whole checks the files of the set of 20.
func whole(t *testing.T, u *update.Updater) {
	t.Helper()
	found, err := u.Verify(t.Context())
	if err != nil || len(found) != inOneSet {
		t.Fatalf("%d plugins, %v", len(found), err)
	}
	for _, f := range found {
		if f.Err != nil {
			t.Error(f.Err)
		}
	}
}
