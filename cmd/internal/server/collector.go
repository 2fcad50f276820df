package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/plugstead/plugstead/cmd/internal/server/sqlstore"
)

// collector removes from time to time what nothing names. Every replica may have one: what
// one removes, the others do not find.
type collector struct {
	end  context.CancelFunc
	done sync.WaitGroup
}

// startCollector returns nil if there is nothing to do.
func startCollector(s *sqlstore.Store, o Options) *collector {
	if o.CollectEvery <= 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &collector{end: cancel}
	c.done.Go(func() {
		tick := time.NewTicker(o.CollectEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				collectOnce(ctx, s, o)
			}
		}
	})
	return c
}

func collectOnce(ctx context.Context, s *sqlstore.Store, o Options) {
	begin := time.Now()
	c, err := s.Collect(ctx, o.CollectGrace)
	level := slog.LevelInfo
	switch {
	case errors.Is(err, context.Canceled):
		return
	case err != nil:
		level = slog.LevelError
	case c == sqlstore.Collected{}:
		level = slog.LevelDebug
	}
	o.Log.Log(ctx, level, "collected", "uploads", c.Uploads, "manifests", c.Manifests, "blobs", c.Blobs,
		"objects", c.Objects, "bytes", c.Bytes, "seconds", time.Since(begin).Seconds(), "err", err)
}

// stop waits until nothing is being removed.
func (c *collector) stop() {
	c.end()
	c.done.Wait()
}
