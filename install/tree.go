package install

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/strictjson"
)

// A tree is an unpacked payload: a folder that is written once, and a completion record
// beside it that is written last.

// maxTreeInfo is the size of a completion record in bytes: an archive has at most 20,000
// files with paths of at most 400 bytes.
const maxTreeInfo = 16 << 20

// treeInfo is a completion record.
type treeInfo struct {
	Payload artifact.Digest `json:"payload"`
	Size    int64           `json:"size"` // of the archive, bytes
	Files   []artifact.File `json:"files"`
}

func (d *Dir) treePath(p artifact.Digest) string { return filepath.Join(d.store, "trees", p.Hex()) }

func (d *Dir) treeRecord(p artifact.Digest) string { return d.treePath(p) + ".json" }

// HasTree reports whether the payload p is unpacked and complete. What is in its files is
// not looked at; see [Dir.Check].
func (d *Dir) HasTree(p artifact.Digest) bool {
	if st, err := os.Stat(d.treeRecord(p)); err != nil || st.Size() == 0 {
		return false
	}
	st, err := os.Stat(d.treePath(p))
	return err == nil && st.IsDir()
}

// readTree reads the completion record of p. The error wraps [ErrBroken] if there is none
// that can be read.
func (d *Dir) readTree(p artifact.Digest) (treeInfo, error) {
	var info treeInfo
	b, err := os.ReadFile(d.treeRecord(p))
	if isMissing(err) {
		return info, fmt.Errorf("%w: the files of %s are gone", ErrBroken, p.Short())
	}
	if err != nil {
		return info, err
	}
	if err := strictjson.Unmarshal(b, &info, strictjson.Limits{Size: maxTreeInfo, Depth: 8, AllowUnknown: true}); err != nil {
		return info, fmt.Errorf("%w: record of %s: %w", ErrBroken, p.Short(), err)
	}
	if info.Payload != p || info.Files == nil {
		return info, fmt.Errorf("%w: record of %s is one of %.80q", ErrBroken, p.Short(), info.Payload)
	}
	for _, f := range info.Files {
		if _, err := artifact.ParseDigest(string(f.Digest)); err != nil || !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			return info, fmt.Errorf("%w: record of %s names %.200q", ErrBroken, p.Short(), f.Path)
		}
	}
	return info, nil
}

// unpack puts a payload at its final place, complete and durable. The sequence:
// unpack into staging with every file synced, sync the folders, rename, create the
// completion record, sync the folder of both. A power cut before that may keep one of
// them; only both together count.
func (t *Tx) unpack(ctx context.Context, b artifact.Blobs, d artifact.Descriptor, l artifact.UnpackLimits) error {
	final := t.d.treePath(d.Digest)
	if t.d.HasTree(d.Digest) {
		return nil
	}
	// A tree without a record is what a kill between the last two steps left, a
	// record without a tree what somebody left who removed files.
	if err := errors.Join(durable.RemoveAll(t.d.treeRecord(d.Digest)), durable.RemoveAll(final)); err != nil {
		return err
	}
	stage := filepath.Join(t.d.store, "staging", d.Digest.Hex())
	if err := durable.MkdirAll(stage, 0o755); err != nil {
		return err
	}
	files, err := t.extract(ctx, b, d, l, stage)
	if err != nil {
		return errors.Join(err, durable.RemoveAll(stage))
	}
	if err := durable.SyncTree(stage); err != nil {
		return err
	}
	if err := durable.RenameDir(stage, final); err != nil {
		return err
	}
	if files == nil {
		files = []artifact.File{}
	}
	info, err := json.Marshal(treeInfo{d.Digest, d.Size, files})
	if err != nil {
		return err
	}
	return durable.Create(t.d.treeRecord(d.Digest), info, 0o644) // syncs the rename, too
}

func (t *Tx) extract(ctx context.Context, b artifact.Blobs, d artifact.Descriptor, l artifact.UnpackLimits, stage string) ([]artifact.File, error) {
	r, err := b.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	root, err := os.OpenRoot(stage)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return artifact.Unpack(ctx, artifact.Verify(r, d), d.Size, root, l)
}
