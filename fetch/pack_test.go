package fetch

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/internal/filelock"
	"github.com/plugstead/plugstead/manifest"
)

// folder returns the files in the folder of a cache, sorted.
func folder(t *testing.T, o IndexOptions, src Source) []string {
	t.Helper()
	c := openCache(o.Cache, src.Identity())
	defer c.close(false)
	list, err := os.ReadDir(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

// all expects every name to have what f has of it; "none" for the others.
func all(t *testing.T, why string, f *far, got map[manifest.ID]string) {
	t.Helper()
	for id, have := range got {
		want, ok := f.docs[id]
		if !ok {
			want = "none"
		}
		if have != want {
			t.Errorf("%s: %s is %q, want %q", why, id, have, want)
		}
	}
}

var packed = []string{"lock", "pack"}

// TestPack follows documents from files into a pack, through changes, into the next pack.
func TestPack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := ids(leastMerge)
		f := newFar(names[1:]...) // the first one does not exist
		o := IndexOptions{Cache: filepath.Join(t.TempDir(), "cache")}
		offline := IndexOptions{Cache: o.Cache, Offline: true}
		all(t, "one too few", f, run(t, f, o, names[1:]...))
		if got := folder(t, o, f); len(got) != leastMerge-1 || slices.Contains(got, "pack") {
			t.Errorf("%q", got)
		}
		f.take()
		all(t, "enough", f, run(t, f, o, names...))
		if got := folder(t, o, f); !slices.Equal(got, packed) {
			t.Errorf("%q", got)
		}
		if got := f.take(); !slices.Equal(got, []string{"acme/p00", "revision"}) {
			t.Errorf("%q", got)
		}
		all(t, "warm", f, run(t, f, o, names...))
		if got := f.take(); !slices.Equal(got, []string{"revision"}) {
			t.Errorf("%q", got)
		}
		all(t, "offline", f, run(t, f, offline, names...))

		f.docs["acme/p07"], f.docs["acme/p00"], f.revision = "second", "new", "r2"
		run(t, f, o, "acme/p07", "acme/p00", "acme/p08")
		if got := f.take(); !slices.Equal(got, []string{"acme/p00", "acme/p07 if not first", "acme/p08 if not first", "revision"}) {
			t.Errorf("%q", got)
		}
		if got := folder(t, o, f); !slices.Equal(got, []string{"acme+p00", "acme+p07", "acme+p08", "lock", "pack"}) {
			t.Errorf("%q", got)
		}
		all(t, "files beside the pack", f, run(t, f, offline, names...))
		if got := f.take(); len(got) > 0 {
			t.Errorf("offline %q", got)
		}
		all(t, "the rest is renewed", f, run(t, f, o, names...))
		if got := folder(t, o, f); len(f.take()) != leastMerge-3+1 || !slices.Equal(got, packed) {
			t.Errorf("%q", got)
		}
		all(t, "packed again", f, run(t, f, o, names...))
		if got := f.take(); !slices.Equal(got, []string{"revision"}) {
			t.Errorf("%q", got)
		}
	})
}

// makePack fills a cache with a pack of documents that end in an own word each.
func makePack(t testing.TB, n int) (*far, IndexOptions) {
	t.Helper()
	f, o := newFar(ids(n)...), IndexOptions{Cache: filepath.Join(t.TempDir(), "cache")}
	for _, id := range ids(n) {
		f.docs[id] = "of " + string(id)
	}
	f.delay = func() time.Duration { return 0 }
	x := OpenIndex(t.Context(), Sources{Default: f}, o)
	x.Prefetch(ids(n)...)
	for _, id := range ids(n) {
		if _, err := x.Plugin(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(x.Close(), x.Close()); err != nil {
		t.Fatal(err)
	}
	f.take()
	return f, o
}

// TestPackDamage changes and cuts the pack: what is used is whole, and what is not whole is
// asked for again.
func TestPackDamage(t *testing.T) {
	f, o := makePack(t, leastMerge)
	c := openCache(o.Cache, f.name)
	c.close(false)
	good, err := os.ReadFile(c.packPath())
	if err != nil {
		t.Fatal(err)
	}
	again := 0
	try := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(c.packPath(), b, 0o600); err != nil {
			t.Fatal(err)
		}
		p := openPack(c.packPath())
		defer p.close()
		for _, id := range []manifest.ID{"acme/p00", "acme/p30", "acme/p63"} {
			e, q := p.read(id)
			switch {
			case e == nil && q == nil:
				again++
			case q == nil || q.Summary != f.docs[id] || e.Digest != q.Document || e.Revision != "r1" || e.Tag != f.docs[id]:
				t.Fatalf("%s: %+v, %+v", id, e, q)
			}
		}
	}
	for i := range good {
		if i%3 > 0 && i > 3000 && i < len(good)-3000 {
			continue // the entries are much alike
		}
		if i%7 == 0 {
			try(good[:i])
		}
		b := bytes.Clone(good)
		b[i] ^= 1 << (i % 8)
		try(b)
	}
	if again < len(good)/20 {
		t.Errorf("damage was noticed %d times", again)
	}
	for _, id := range ids(leastMerge) {
		if got := run(t, f, o, id); got[id] != f.docs[id] {
			t.Errorf("%s: %v", id, got)
		}
	}
	if err := errors.Join(os.Remove(c.packPath()), os.Mkdir(c.packPath(), 0o700)); err != nil {
		t.Fatal(err)
	}
	if p := openPack(c.packPath()); p != nil {
		t.Error("a folder is a pack")
	}
	all(t, "a folder in the way", f, run(t, f, o, ids(leastMerge)...))
}

// TestPackOfAnotherForm: the pack of a program that writes another form is not read, and is
// replaced.
func TestPackOfAnotherForm(t *testing.T) {
	f, o := makePack(t, leastMerge)
	path := openCache(o.Cache, f.name).packPath()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(packMagic)-2]++
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := run(t, f, IndexOptions{Cache: o.Cache, Offline: true}, "acme/p00"); got["acme/p00"] != "offline" {
		t.Errorf("%v", got)
	}
	all(t, "asked again", f, run(t, f, o, ids(leastMerge)...))
	if asked := f.take(); len(asked) != leastMerge {
		t.Errorf("%q", asked)
	}
	all(t, "offline", f, run(t, f, IndexOptions{Cache: o.Cache, Offline: true}, ids(leastMerge)...))
}

// TestPackMergedMeanwhile: what was a file when the cache was opened is in the pack of
// another process when it is read.
func TestPackMergedMeanwhile(t *testing.T) {
	f, o := makePack(t, leastMerge-1)
	c := openCache(o.Cache, f.name)
	run(t, f, o, ids(leastMerge+5)...)
	if got := folder(t, o, f); !slices.Equal(got, packed) {
		t.Fatalf("%q", got)
	}
	for _, id := range ids(leastMerge - 1) {
		if e, p := c.read(id); e == nil || p == nil || p.Summary != f.docs[id] {
			t.Errorf("%s: %+v, %+v", id, e, p)
		}
	}
	c.close(true)
	if got := folder(t, o, f); !slices.Equal(got, packed) {
		t.Errorf("%q", got)
	}
	all(t, "nothing is lost", f, run(t, f, IndexOptions{Cache: o.Cache, Offline: true}, slices.Collect(maps.Keys(f.docs))...))
}

// TestPackReplacedFile: a file that another process replaces while it is being packed stays.
func TestPackReplacedFile(t *testing.T) {
	f, o := makePack(t, leastMerge-1)
	c := openCache(o.Cache, f.name)
	list, err := os.ReadDir(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	was := map[string]fs.FileInfo{}
	if err := c.writePack(new(bytes.Buffer), list, was); err != nil || len(was) != leastMerge-1 {
		t.Fatalf("%d files, %v", len(was), err)
	}
	f.docs["acme/p05"], f.revision = "second", "r2"
	run(t, f, o, "acme/p05")
	for name, info := range was {
		now, err := os.Lstat(filepath.Join(c.dir, name))
		if err != nil || unchanged(now, info) == (name == "acme+p05") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPackNotNow: nothing is packed if the operation was given up, or if another process
// packs; and no error comes of it.
func TestPackNotNow(t *testing.T) {
	f, o := makePack(t, leastMerge-1)
	ctx, cancel := context.WithCancel(t.Context())
	x := OpenIndex(ctx, Sources{Default: f}, o)
	for _, id := range ids(leastMerge) {
		_, _ = x.Plugin(ctx, id)
	}
	f.docs["acme/late"] = "late"
	if _, err := x.Plugin(ctx, "acme/late"); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := x.Close(); err != nil || slices.Contains(folder(t, o, f), "pack") {
		t.Errorf("%v, %q", err, folder(t, o, f))
	}
	lock, err := filelock.TryExclusive(filepath.Join(openCache(o.Cache, f.name).dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	run(t, f, o, ids(leastMerge)...)
	if slices.Contains(folder(t, o, f), "pack") {
		t.Error("two processes pack")
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(openCache(o.Cache, f.name).dir, ".tmp-1")
	fresh := filepath.Join(filepath.Dir(old), ".tmp-2")
	long := time.Now().Add(-2 * leftOver)
	if err := errors.Join(os.WriteFile(old, nil, 0o600), os.WriteFile(fresh, nil, 0o600), os.Chtimes(old, long, long)); err != nil {
		t.Fatal(err)
	}
	run(t, f, o, "acme/late")
	if got := folder(t, o, f); !slices.Equal(got, []string{".tmp-2", "lock", "pack"}) {
		t.Errorf("%q", got)
	}
}

// TestPackAtOnce: several runs over one folder, which all pack, lose nothing.
func TestPackAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := ids(6 * leastMerge)
		f := newFar(names...)
		o := IndexOptions{Cache: filepath.Join(t.TempDir(), "cache")}
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				time.Sleep(time.Duration(i/2) * time.Second)
				all(t, "at once", f, run(t, f, o, names[:(i+1)*leastMerge]...))
			})
		}
		wg.Wait()
		all(t, "offline", f, run(t, f, IndexOptions{Cache: o.Cache, Offline: true}, names...))
	})
}

// TestPackLimits: a pack takes no more than it may have, and the rest stays files.
func TestPackLimits(t *testing.T) {
	w, err := newPackWriter(new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	w.at = maxPack - 100
	if err := errors.Join(w.add("acme/a", make([]byte, 50), make([]byte, 50)), w.add("acme/b", make([]byte, 10), nil)); err != nil || w.has["acme/a"] || !w.has["acme/b"] {
		t.Errorf("%v %v", w.has, err)
	}
	w.at, w.table = 0, make([]byte, maxTable-5)
	if err := w.add("acme/c", nil, nil); err != nil || w.has["acme/c"] {
		t.Errorf("%v %v", w.has, err)
	}
}

// TestPathOfNames: every name has a file of its own in the folder, and no other name does.
func TestPathOfNames(t *testing.T) {
	c := openCache(filepath.Join(t.TempDir(), "cache"), "x")
	for _, id := range []manifest.ID{"a/b", "a-b/c", "a/b-c", "a.b/c_d"} {
		if got, ok := singleID(filepath.Base(c.path(id))); !ok || got != id || filepath.Dir(c.path(id)) != c.dir {
			t.Errorf("%s: %s", id, c.path(id))
		}
	}
	for _, name := range []string{"pack", "lock", ".tmp-1", "a", "a+", "+a", "a+b+c", "A+b", "a+..", "..+a", "a+b.", strings.Repeat("a", 65) + "+b"} {
		if id, ok := singleID(name); ok {
			t.Errorf("%q is of %s", name, id)
		}
	}
	for _, id := range []manifest.ID{"a/../../b", "A/b", "a"} {
		c.write(id, entry{Revision: "r"}, nil, nil)
	}
	if list, err := os.ReadDir(c.dir); err != nil || len(list) > 0 {
		t.Errorf("%v %v", list, err)
	}
}

// FuzzPack reads a pack and an entry of any bytes.
func FuzzPack(f *testing.F) {
	src, o := makePack(f, leastMerge)
	good, err := os.ReadFile(openCache(o.Cache, src.name).packPath())
	if err != nil {
		f.Fatal(err)
	}
	foot := len(good) - footer
	at := int(binary.LittleEndian.Uint64(good[foot:]))
	f.Add(good[len(packMagic):at], good[at:foot])
	f.Add([]byte{}, []byte{})
	f.Add([]byte{1, 'r', 0, 0, 0}, []byte{6, 'a', 'c', 'm', 'e', '/', 'a', 31, 5, 0})
	path := filepath.Join(f.TempDir(), "pack")
	f.Fuzz(func(t *testing.T, entries, table []byte) {
		var b bytes.Buffer
		w, err := newPackWriter(&b)
		if err != nil || w.write(entries) != nil {
			t.Fatal(err)
		}
		w.table = bytes.Clone(table)
		if err := errors.Join(w.end(), os.WriteFile(path, b.Bytes(), 0o600)); err != nil {
			t.Fatal(err)
		}
		p := openPack(path)
		if p == nil {
			return
		}
		defer p.close()
		for id, at := range p.places {
			if at.offset < 0 || at.offset+int64(at.head.size+at.doc.size) > int64(b.Len()) {
				t.Fatalf("%q is at %+v of %d", id, at, b.Len())
			}
			if e, q := p.read(id); q != nil && (q.ID != id || e.Digest != q.Document) {
				t.Fatalf("%q: %+v, %+v", id, e, q)
			}
		}
		if e, compiled := parseHead(entries); e != nil {
			again, c := parseHead(appendHead(nil, e, compiled)) // numbers may be written in several ways
			if again == nil || *again != *e || !bytes.Equal(c, compiled) {
				t.Fatalf("%+v, %+v", e, again)
			}
		}
	})
}
