package update

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/store/disk"
)

// Collected is what [Updater.Collect] removed, or would remove.
type Collected struct {
	*install.Collected
	Blobs     int   `json:"blobs"`     // metadata and payloads in the local store
	BlobBytes int64 `json:"blobBytes"` // of them
}

// Collect removes old generations, the files that no other one needs, and what the local
// store keeps of them; see install.Dir.Collect.
func (u *Updater) Collect(ctx context.Context, o install.CollectOptions) (*Collected, error) {
	done, err := u.turn.take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	c, err := u.Dir.Collect(ctx, o)
	if err != nil {
		return nil, err
	}
	out := &Collected{Collected: c}
	if _, err := os.Stat(u.Blobs); err != nil {
		return out, nil // nothing was ever fetched
	}
	tx, err := u.Dir.Begin(ctx) // nobody else puts blobs now
	if err != nil {
		return out, err
	}
	defer tx.Abort()
	others, err := tx.Others()
	if err != nil {
		return out, err
	}
	return out, u.collectBlobs(ctx, out, append(others, tx.Base), o)
}

// collectBlobs removes what no kept generation leads to, and none of more. What cannot be read is fetched
// again when it is needed.
func (u *Updater) collectBlobs(ctx context.Context, out *Collected, more []*install.Generation, o install.CollectOptions) error {
	st, err := disk.OpenCache(u.Blobs)
	if err != nil {
		return err
	}
	needed := map[artifact.Digest]bool{}
	for _, g := range append(more, out.Kept...) {
		for _, l := range g.Lock.Plugins {
			d := artifact.Descriptor{MediaType: artifact.MediaIndex, Digest: l.Digest, Size: l.Size}
			_ = artifact.Walk(ctx, st, d, func(x artifact.Descriptor) { needed[x.Digest] = true })
		}
	}
	if o.Grace == 0 {
		o.Grace = install.DefaultGrace
	}
	before := time.Now().Add(-max(0, o.Grace))
	entries, err := os.ReadDir(filepath.Join(u.Blobs, "blobs", "sha256"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		d, err := artifact.ParseDigest("sha256:" + e.Name())
		if err != nil || needed[d] {
			continue
		}
		info, err := e.Info()
		if err != nil || info.ModTime().After(before) {
			continue
		}
		out.Blobs++
		out.BlobBytes += info.Size()
		if !o.DryRun {
			if err := st.Remove(artifact.Descriptor{Digest: d, Size: info.Size()}); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}
