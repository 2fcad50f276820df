package update_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/update"
)

// TestReadersUpdaterCollector has two hosts that use the installed set again and again
// while a third program updates it and a fourth removes old sets at once: every set that
// is used is whole, of one version, and stays so until it is let go.
func TestReadersUpdaterCollector(t *testing.T) {
	const updates = 8
	w := newWorld(t)
	for i := range updates {
		v := fmt.Sprintf("1.%d.0", i)
		w.publish("acme/a", v, fmt.Sprintf("requires: { acme/b: '=%s' }", v))
		w.publish("acme/b", v)
	}
	w.change(wish(t, "acme/a@=1.0.0"))
	ctx, done := context.WithCancel(t.Context())
	defer done()
	var work sync.WaitGroup
	dir := w.up.Dir.Path()
	uses := make([]map[string]bool, 2)
	for i := range uses {
		uses[i] = map[string]bool{}
		work.Go(func() {
			for ctx.Err() == nil {
				v, err := useOnce(t.Context(), w.updater(dir))
				if err != nil {
					t.Errorf("reader %d: %v", i, err)
					return
				}
				uses[i][v] = true
			}
		})
	}
	work.Go(func() {
		for ctx.Err() == nil {
			_, err := w.updater(dir).Collect(t.Context(), install.CollectOptions{Keep: -1, Grace: -1})
			if err != nil {
				t.Errorf("collector: %v", err)
				return
			}
		}
	})
	third := w.updater(dir)
	for i := range updates {
		if _, _, err := third.Change(t.Context(), wish(t, fmt.Sprintf("acme/a@=1.%d.0", i))); err != nil {
			t.Errorf("updater: %v", err)
		}
	}
	done()
	work.Wait()
	w.expect(fmt.Sprintf("acme/a 1.%[1]d.0, acme/b 1.%[1]d.0", updates-1))
	if len(uses[0])+len(uses[1]) < 3 {
		t.Errorf("the readers saw %v", uses)
	}
}

// useOnce holds the active set, checks it, and returns its version.
func useOnce(ctx context.Context, u *update.Updater) (string, error) {
	use, err := u.Dir.Use()
	if err != nil {
		return "", err
	}
	defer use.Release()
	if len(use.Records) != 2 {
		return "", fmt.Errorf("a set of %d plugins", len(use.Records))
	}
	v := use.Records[0].Manifest.Version
	for _, r := range use.Records {
		if r.Manifest.Version != v {
			return "", fmt.Errorf("%s beside %s", v, r.Manifest.Version)
		}
		if err := errors.Join(u.Dir.Verify(ctx, r), u.Dir.Check(ctx, r)); err != nil {
			return "", err
		}
	}
	return v.String(), nil
}
