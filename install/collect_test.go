package install_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/plugstead/plugstead/install"
)

// everything collects whatever may go, however young.
var everything = install.CollectOptions{Keep: -1, Grace: -1}

// history makes n generations, each with one plugin of its own.
func history(t *testing.T, n int) (*install.Dir, []*install.Generation) {
	t.Helper()
	d := open(t)
	var out []*install.Generation
	for i := range n {
		b, list := verified(t, fmt.Sprintf("acme/p%d", i))
		out = append(out, commit(t, d, b, list, "next"))
	}
	return d, out
}

func collect(t *testing.T, d *install.Dir, o install.CollectOptions) *install.Collected {
	t.Helper()
	c, err := d.Collect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// left lists what has a generation and what has files, by index in all.
func left(d *install.Dir, all []*install.Generation) (generations, trees []int) {
	for i, g := range all {
		if _, err := d.Generation(g.Number); err == nil {
			generations = append(generations, i)
		}
		if d.HasTree(g.Records[0].Payload) && d.Verify(context.Background(), g.Records[0]) == nil {
			trees = append(trees, i)
		}
	}
	return generations, trees
}

func TestCollect(t *testing.T) {
	d, all := history(t, 8)
	check := func(why string, want ...int) {
		t.Helper()
		g, trees := left(d, all)
		if !slices.Equal(g, want) || !slices.Equal(trees, want) {
			t.Errorf("%s: generations %v and files %v are left, want %v", why, g, trees, want)
		}
	}
	if c := collect(t, d, install.CollectOptions{}); len(c.Generations)+len(c.Trees) > 0 || len(c.Kept) != 8 {
		t.Errorf("what is young went: %+v", c)
	}
	dry := collect(t, d, install.CollectOptions{Keep: 5, Grace: -1, DryRun: true})
	check("dry run", 0, 1, 2, 3, 4, 5, 6, 7)
	c := collect(t, d, install.CollectOptions{Keep: 5, Grace: -1})
	check("keep 5", 2, 3, 4, 5, 6, 7)
	if !slices.Equal(c.Generations, []int{1, 2}) || len(c.Trees) != 2 || c.Bytes == 0 || !slices.Equal(dry.Generations, c.Generations) || !slices.Equal(dry.Trees, c.Trees) || dry.Bytes != c.Bytes {
		t.Errorf("said %+v, did %+v", dry, c)
	}
	use, err := d.UseOf(all[3].Number)
	must(t, err)
	collect(t, d, everything)
	check("one is used", 3, 7)
	must(t, errors.Join(use.Release(), use.Release()))
	collect(t, d, everything)
	check("nothing is used", 7)
	if again := collect(t, d, everything); len(again.Generations)+len(again.Trees) > 0 {
		t.Errorf("twice: %+v", again)
	}
	// A rollback to what is gone says so; the next generation has a new number.
	if _, err := d.Rollback(t.Context(), all[0].Number); !errors.Is(err, install.ErrNoGeneration) {
		t.Error(err)
	}
	b, list := verified(t, "acme/new")
	if g := commit(t, d, b, list, "next"); g.Number != 9 {
		t.Errorf("generation %d", g.Number)
	}
}

// TestCollectGarbage: what killed or failed changes left goes, what is not ours stays.
func TestCollectGarbage(t *testing.T) {
	d, all := history(t, 2)
	tx, err := d.Begin(t.Context())
	must(t, err)
	b, list := verified(t, "acme/aborted")
	must(t, tx.Unpack(t.Context(), b, list[0]))
	must(t, tx.Abort())
	trees := filepath.Join(d.Path(), "trees")
	hex := list[0].Package().Payload.Digest.Hex()
	must(t, os.Remove(filepath.Join(trees, hex+".json"))) // as if killed before
	must(t, os.WriteFile(filepath.Join(trees, "notes.txt"), []byte("mine"), 0o644))
	must(t, os.WriteFile(filepath.Join(d.Path(), "generations", "00000001.json"), []byte("{"), 0o644))
	must(t, os.WriteFile(filepath.Join(d.Path(), "generations", "00000009.json"), []byte("{"), 0o644))
	c := collect(t, d, everything)
	if !slices.Equal(c.Generations, []int{1}) || len(c.Trees) != 2 {
		t.Errorf("%+v", c)
	}
	if _, err := os.Stat(filepath.Join(trees, hex)); !errors.Is(err, os.ErrNotExist) {
		t.Error("garbage stays")
	}
	if _, err := os.Stat(filepath.Join(trees, "notes.txt")); err != nil {
		t.Error(err)
	}
	if g, err := d.Active(); err != nil || g.Number != all[1].Number || d.Verify(t.Context(), g.Records[0]) != nil {
		t.Errorf("%v %v", g, err)
	}
	if g := commit(t, d, b, list, "again"); g.Number != 10 {
		t.Errorf("a number was used again: %d", g.Number)
	}
}

func TestUseOfNothing(t *testing.T) {
	d := open(t)
	u, err := d.Use()
	if err != nil || u.Number != 0 || u.Release() != nil {
		t.Errorf("%+v %v", u, err)
	}
	if _, err := d.UseOf(1); !errors.Is(err, install.ErrNoGeneration) {
		t.Error(err)
	}
}

// TestUseWhileOthersCollect: hosts come and go while one process changes the set and
// another collects everything that may go. What a host holds is whole, always.
func TestUseWhileOthersCollect(t *testing.T) {
	d := open(t)
	b, list := verified(t, "acme/a", "acme/b", "acme/c")
	commit(t, d, b, list[:1], "first")
	var stop sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		stop.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				u, err := d.Use()
				if err != nil {
					t.Error(err)
					return
				}
				for range 3 {
					if _, err := d.Generation(u.Number); err != nil {
						t.Errorf("generation %d went while it was used: %v", u.Number, err)
					}
					for _, r := range u.Records {
						if err := d.Check(context.Background(), r); err != nil {
							t.Errorf("generation %d: %v", u.Number, err)
						}
					}
				}
				if err := u.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	stop.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if _, err := d.Collect(context.Background(), everything); err != nil {
				t.Error(err)
			}
		}
	})
	rnd := rand.New(rand.NewPCG(3, 3))
	for range 60 {
		i := rnd.IntN(3)
		commit(t, d, b, list[i:i+1], "next")
	}
	close(done)
	stop.Wait()
	collect(t, d, everything)
	if numbers, _ := filepath.Glob(filepath.Join(d.Path(), "generations", "*.json")); len(numbers) != 1 {
		t.Errorf("%v are left", numbers)
	}
	if list, _ := filepath.Glob(filepath.Join(d.Path(), "trees", "*.json")); len(list) != 1 {
		t.Errorf("%v are left", list)
	}
}

// TestCollectWaits: it is a change like others.
func TestCollectWaits(t *testing.T) {
	d, _ := history(t, 1)
	tx, err := d.Begin(t.Context())
	must(t, err)
	defer tx.Abort()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := d.Collect(ctx, everything); !errors.Is(err, install.ErrBusy) {
		t.Error(err)
	}
}
