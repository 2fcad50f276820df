package index

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// Ranges remembers ranges by their text, so that documents read with [ReadCompiled] that
// need much the same share them. The zero value is ready. It allows concurrent use.
type Ranges struct {
	mu sync.Mutex
	m  map[string]version.Range
}

// maxShared is how many ranges a [Ranges] remembers.
const maxShared = 1 << 12

// parse fills in the ranges of texts.
func (r *Ranges) parse(texts []string, out []version.Range) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, s := range texts {
		v, ok := r.m[s]
		if !ok {
			if v, err = version.ParseRange(s); err != nil {
				return err
			}
			if r.m == nil {
				r.m = map[string]version.Range{}
			}
			if len(r.m) < maxShared {
				r.m[s] = v
			}
		}
		out[i] = v
	}
	return nil
}

// ReadCompiled returns what [Plugin.Compile] was given, without the bytes of the records. It
// checks no more than that it can be read: the caller knows that it is what Compile gave.
// Otherwise the result may be of any content, or the error wraps [ErrCompiled]; what it
// allocates is in proportion to the length at worst.
func ReadCompiled(compiled []byte, shared *Ranges) (*Plugin, error) {
	if len(compiled) > MaxDocument {
		return nil, fmt.Errorf("%w: beyond the limit of %d bytes", ErrCompiled, MaxDocument)
	}
	r := &compiledReader{b: compiled}
	p := new(Plugin)
	if err := r.tables(shared); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCompiled, err)
	}
	r.header(&p.Header)
	p.Document = artifact.Digest(r.text())
	if n := r.count(leastRelease); n > 0 && n <= MaxReleases {
		p.Releases = make([]Release, n)
	}
	for i := range p.Releases {
		if r.release(&p.Releases[i]); r.bad {
			break
		}
	}
	if r.bad || len(r.b) > 0 {
		return nil, fmt.Errorf("%w of %.200q", ErrCompiled, p.ID)
	}
	return p, nil
}

// compiledReader reads one document. After the first mistake everything it reads is zero.
type compiledReader struct {
	b   []byte // what is left
	bad bool

	texts    []string
	ranges   []version.Range
	hosts    []map[string]version.Range
	needs    []manifest.Need // of which those of a release are cut off
	packages []Package
}

// The least lengths of what is allocated at once.
const (
	leastNeed    = 3  // id, range, flags
	leastPackage = 7  // runtime, platform, two digests with sizes
	leastRelease = 20 // a number for each field
)

// tables reads all that stands before the header.
func (r *compiledReader) tables(shared *Ranges) error {
	r.readTexts()
	n := r.count(1)
	names := make([]string, n)
	for i := range names {
		names[i] = r.text()
	}
	r.ranges = make([]version.Range, n+1)
	if err := shared.parse(names, r.ranges[1:]); err != nil {
		return err
	}
	r.hosts = make([]map[string]version.Range, 1+r.count(1))
	for i := range r.hosts[1:] {
		n := r.count(2)
		m := make(map[string]version.Range, n)
		for range n {
			app := r.text()
			m[app] = pick(r, r.ranges)
		}
		r.hosts[i+1] = m
	}
	r.needs = make([]manifest.Need, r.count(leastNeed))
	r.packages = make([]Package, r.count(leastPackage))
	return nil
}

// readTexts reads the table of texts, which share one string.
func (r *compiledReader) readTexts() {
	lengths := make([]int, r.count(2))
	size := 0
	for i := range lengths {
		lengths[i] = r.limited(len(r.b))
		size += lengths[i]
	}
	if r.texts = make([]string, len(lengths)+1); r.bad || size > len(r.b) {
		r.fail()
		return
	}
	all := string(r.b[:size])
	r.b = r.b[size:]
	for i, n := range lengths {
		r.texts[i+1], all = all[:n], all[n:]
	}
}

func (r *compiledReader) fail() { r.b, r.bad = nil, true }

func (r *compiledReader) uint() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		n := r.b[0]
		r.b = r.b[1:]
		return uint64(n)
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *compiledReader) int() int64 {
	v := r.uint()
	return int64(v>>1) ^ -int64(v&1)
}

// limited reads a number from 0 to most.
func (r *compiledReader) limited(most int) int {
	v := r.uint()
	if v > uint64(most) {
		r.fail()
		return 0
	}
	return int(v)
}

// count reads how many entries follow, each of which takes that many bytes or more.
func (r *compiledReader) count(each int) int { return r.limited(len(r.b) / each) }

// pick reads the number of an entry of a table.
func pick[T any](r *compiledReader, table []T) (t T) {
	if v := r.uint(); v < uint64(len(table)) {
		return table[v]
	}
	r.fail()
	return t
}

func (r *compiledReader) text() string { return pick(r, r.texts) }

// readList reads a list, of which each entry takes a byte or more.
func readList[T any](r *compiledReader, read func(*compiledReader, *T)) []T {
	n := r.limited(len(r.b))
	if n == 0 {
		return nil
	}
	list := make([]T, n-1)
	for i := range list {
		read(r, &list[i])
	}
	return list
}

// cutList is readList with memory of a stock.
func cutList[T any](r *compiledReader, stock *[]T, read func(*compiledReader, *T)) []T {
	n := r.limited(len(*stock) + 1)
	if n == 0 {
		return nil
	}
	list := (*stock)[: n-1 : n-1]
	*stock = (*stock)[n-1:]
	for i := range list {
		read(r, &list[i])
	}
	return list
}

func readText[T ~string](r *compiledReader, s *T) { *s = T(r.text()) }

func (r *compiledReader) header(h *Header) {
	h.V = int(r.int())
	h.ID = manifest.ID(r.text())
	h.Summary = r.text()
	h.License = r.text()
	h.Keywords = readList(r, readText[string])
	h.Providers = readList(r, readText[manifest.ID])
	if r.limited(1) == 1 {
		h.Deprecated = &Deprecation{Message: r.text(), Replacement: manifest.ID(r.text())}
	}
	h.Channels = readList(r, func(r *compiledReader, c *Channel) { c.Name, c.Version = r.text(), r.version() })
}

func (r *compiledReader) release(p *Release) {
	p.ID = manifest.ID(r.text())
	p.Version = r.version()
	p.Provides = readList(r, (*compiledReader).point)
	p.Host = pick(r, r.hosts)
	p.Requires = cutList(r, &r.needs, (*compiledReader).need)
	p.AnyOf = readList(r, (*compiledReader).choice)
	p.Conflicts = cutList(r, &r.needs, (*compiledReader).need)
	p.Offers = readList(r, (*compiledReader).offer)
	p.Capabilities = readList(r, readText[manifest.Capability])
	p.Facts.State = int(r.int())
	r.digest(&p.Digest, &p.Size)
	p.Time = r.time()
	p.Packages = cutList(r, &r.packages, (*compiledReader).pack)
	p.State.Yanked, p.State.Blocked, p.State.Removed = r.yank(), r.yank(), r.yank()
}

func (r *compiledReader) version() version.Version {
	return version.Version{Major: r.uint(), Minor: r.uint(), Patch: r.uint(), Pre: r.text(), Build: r.text()}
}

func (r *compiledReader) point(p *manifest.PointRef) {
	p.ID, p.Major, p.Minor = r.text(), int(r.int()), int(r.int())
}

func (r *compiledReader) need(n *manifest.Need) {
	n.ID, n.Range = manifest.ID(r.text()), pick(r, r.ranges)
	flags := r.limited(3)
	n.Optional, n.Init = flags&1 != 0, flags&2 != 0
}

func (r *compiledReader) choice(c *[]manifest.Need) {
	*c = cutList(r, &r.needs, (*compiledReader).need)
}

func (r *compiledReader) offer(o *manifest.Offer) {
	o.ID, o.Version = manifest.ID(r.text()), r.version()
}

func (r *compiledReader) digest(d *artifact.Digest, size *int64) {
	*d, *size = artifact.Digest(r.text()), r.int()
}

func (r *compiledReader) pack(p *Package) {
	p.Runtime, p.Platform.OS, p.Platform.Arch = r.text(), r.text(), r.text()
	r.digest(&p.Manifest.Digest, &p.Manifest.Size)
	r.digest(&p.Payload.Digest, &p.Payload.Size)
}

func (r *compiledReader) time() (t time.Time) {
	switch r.limited(timeText) {
	case timeUTC:
		t = time.Unix(r.int(), int64(r.limited(1e9-1))).UTC()
	case timeText:
		if err := t.UnmarshalText([]byte(r.text())); err != nil {
			r.fail()
		}
	}
	return t
}

func (r *compiledReader) yank() *Yank {
	n := r.limited(len(r.texts))
	if n == 0 {
		return nil
	}
	return &Yank{Reason: r.texts[n-1]}
}
