// Package simdisk is a disk that forgets: it repeats the steps that were done on a real
// one, and says what may be left of them after a power cut at any point.
//
// Its rules are those that POSIX leaves to file systems: the content of a file is sure
// after a sync of the file, a name after a sync of the folder it is in. Of what is not
// sure anything may be left, in any order: the new, the old, or for content a part.
package simdisk

import (
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/plugstead/plugstead/internal/durable"
)

// Recorder keeps the steps of a real disk.
type Recorder struct {
	mu    sync.Mutex
	Steps []durable.Step
}

// Step takes a step; give it to durable.Hook.
func (r *Recorder) Step(s durable.Step) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Data = slices.Clone(s.Data)
	r.Steps = append(r.Steps, s)
	return nil
}

// node is a file or a folder: what it is now, and what is sure of it.
type node struct {
	folder    bool
	now, sure []byte
	names     map[string]*node
	sureNames map[string]*node
}

func newFolder() *node {
	return &node{folder: true, names: map[string]*node{}, sureNames: map[string]*node{}}
}

// Disk is a simulated disk. Its zero value is not usable; see [New].
type Disk struct{ root *node }

// New returns a disk that holds files, by absolute path, all of them sure.
func New(files map[string][]byte) *Disk {
	d := &Disk{newFolder()}
	for path, b := range files {
		n := d.file(path)
		n.now = b
	}
	settle(d.root)
	return d
}

// settle makes everything sure.
func settle(n *node) {
	n.sure, n.sureNames = n.now, maps.Clone(n.names)
	for _, c := range n.names {
		settle(c)
	}
}

func parts(path string) []string {
	return strings.Split(strings.Trim(filepath.ToSlash(path), "/"), "/")
}

// folderOf returns the folder a path is in, which is made if it is missing: who unpacks
// an archive makes folders without telling.
func (d *Disk) folderOf(path string) (*node, string) {
	list := parts(path)
	at := d.root
	for _, name := range list[:len(list)-1] {
		if at.names[name] == nil {
			at.names[name] = newFolder()
		}
		at = at.names[name]
	}
	return at, list[len(list)-1]
}

func (d *Disk) file(path string) *node {
	dir, name := d.folderOf(path)
	if dir.names[name] == nil {
		dir.names[name] = new(node)
	}
	return dir.names[name]
}

// Do repeats a step.
func (d *Disk) Do(s durable.Step) {
	dir, name := d.folderOf(s.Path)
	switch s.Kind {
	case durable.StepCreate:
		dir.names[name] = new(node)
	case durable.StepWrite:
		f := d.file(s.Path)
		f.now = append(slices.Clip(f.now), s.Data...)
	case durable.StepSync:
		f := d.file(s.Path)
		f.sure = f.now
	case durable.StepLink, durable.StepRename:
		to, as := d.folderOf(s.To)
		to.names[as] = dir.names[name]
		if s.Kind == durable.StepRename {
			delete(dir.names, name)
		}
	case durable.StepRemove:
		delete(dir.names, name)
	case durable.StepMkdir:
		if dir.names[name] == nil {
			dir.names[name] = newFolder()
		}
	case durable.StepSyncDir:
		f := dir.names[name]
		if f != nil && f.folder {
			f.sureNames = maps.Clone(f.names)
		}
	}
}

// After returns the files, by absolute path, that may be there after a power cut now.
// With rnd nil only what is sure is left; otherwise any part of the rest as well.
func (d *Disk) After(rnd *rand.Rand) map[string][]byte {
	out := map[string][]byte{}
	collect(d.root, "", rnd, out)
	return out
}

func collect(n *node, path string, rnd *rand.Rand, out map[string][]byte) {
	if !n.folder {
		out[path] = content(n, rnd)
		return
	}
	names := maps.Clone(n.sureNames)
	if rnd != nil {
		all := slices.Collect(maps.Keys(n.names))
		all = slices.AppendSeq(all, maps.Keys(n.sureNames))
		slices.Sort(all)
		for _, name := range slices.Compact(all) {
			if n.names[name] == n.sureNames[name] || rnd.IntN(2) == 0 {
				continue
			}
			delete(names, name)
			if c := n.names[name]; c != nil {
				names[name] = c
			}
		}
	}
	for name, c := range names {
		collect(c, path+"/"+name, rnd, out)
	}
}

// content returns what may be left of a file: with rnd the new, a part of it, or the old.
func content(n *node, rnd *rand.Rand) []byte {
	if rnd == nil || len(n.now) == len(n.sure) {
		return n.sure
	}
	switch rnd.IntN(4) {
	case 0:
		return n.now
	case 1:
		return n.now[:rnd.IntN(len(n.now))]
	case 2:
		return make([]byte, len(n.now)) // the length was written, the bytes were not
	}
	return n.sure
}
