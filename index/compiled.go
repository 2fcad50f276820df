package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// The compiled form of a document is what Parse found in it, so that a program that reads
// thousands of documents it has read before does not check them again. All numbers are
// varints, signed ones in zigzag form. It opens with tables: every text once, its lengths
// first; ranges and hosts, made of texts; then the numbers of all needs and packages, which
// are allocated at once. Header and releases follow, field by field in the order of their
// types, and name entries of the tables by number. A list begins with its length and one,
// 0 stands for nil. The bytes of the records are left out: they are in the document, and who
// solves does not look at them. docs/spec/index.md says where it is kept.

// CompiledFormat numbers the compiled form. It changes with the form, and whenever [Parse]
// refuses more than before: what is compiled is not checked again.
const CompiledFormat = 3

// ErrCompiled says that bytes are no compiled form of a document.
var ErrCompiled = errors.New("bad compiled index document")

// Compile returns the compiled form of p. [ReadCompiled] reads it. The error wraps
// [ErrCompiled] if the form would be longer than a document may be.
func (p *Plugin) Compile() ([]byte, error) {
	c := &compiler{texts: map[string]int{"": 0}, rangeOf: map[string]int{}, hostOf: map[string]int{}}
	c.header(&p.Header)
	c.text(string(p.Document))
	c.uint(len(p.Releases))
	for i := range p.Releases {
		c.release(&p.Releases[i])
	}
	b := c.end()
	if len(b) > MaxDocument {
		return nil, fmt.Errorf("%w of %s: %d bytes, more than the limit of %d", ErrCompiled, p.ID, len(b), MaxDocument)
	}
	return b, nil
}

// compiler writes one document.
type compiler struct {
	body []byte // header and releases

	texts   map[string]int
	lengths []byte
	all     []byte // the texts

	rangeOf map[string]int // by text
	ranges  []byte
	hostOf  map[string]int // by what is written of it
	hosts   []byte

	needs, packages int
}

// end returns the tables and the body.
func (c *compiler) end() []byte {
	b := binary.AppendUvarint(nil, uint64(len(c.texts)-1))
	b = append(append(b, c.lengths...), c.all...)
	b = append(binary.AppendUvarint(b, uint64(len(c.rangeOf))), c.ranges...)
	b = append(binary.AppendUvarint(b, uint64(len(c.hostOf))), c.hosts...)
	b = binary.AppendUvarint(b, uint64(c.needs))
	b = binary.AppendUvarint(b, uint64(c.packages))
	return append(b, c.body...)
}

func (c *compiler) uint(n int)       { c.body = binary.AppendUvarint(c.body, uint64(n)) }
func (c *compiler) int(n int64)      { c.body = binary.AppendVarint(c.body, n) }
func (c *compiler) text(s string)    { c.uint(c.textNumber(s)) }
func (c *compiler) big(n uint64)     { c.body = binary.AppendUvarint(c.body, n) }
func (c *compiler) ref(r Ref)        { c.text(string(r.Digest)); c.int(r.Size) }
func (c *compiler) id(i manifest.ID) { c.text(string(i)) }

// textNumber returns the number of s; 0 is "".
func (c *compiler) textNumber(s string) int {
	n, ok := c.texts[s]
	if !ok {
		n = len(c.texts)
		c.texts[s] = n
		c.lengths = binary.AppendUvarint(c.lengths, uint64(len(s)))
		c.all = append(c.all, s...)
	}
	return n
}

// rangeNumber returns the number of r; 0 is that of a range that was not given.
func (c *compiler) rangeNumber(r version.Range) int {
	if r.IsAny() && reflect.ValueOf(r).IsZero() {
		return 0
	}
	s := r.String()
	n, ok := c.rangeOf[s]
	if !ok {
		n = len(c.rangeOf) + 1
		c.rangeOf[s] = n
		c.ranges = binary.AppendUvarint(c.ranges, uint64(c.textNumber(s)))
	}
	return n
}

// host writes the number of m; 0 is nil.
func (c *compiler) host(m map[string]version.Range) {
	if m == nil {
		c.uint(0)
		return
	}
	b := binary.AppendUvarint(nil, uint64(len(m)))
	for _, app := range slices.Sorted(maps.Keys(m)) {
		b = binary.AppendUvarint(b, uint64(c.textNumber(app)))
		b = binary.AppendUvarint(b, uint64(c.rangeNumber(m[app])))
	}
	n, ok := c.hostOf[string(b)]
	if !ok {
		n = len(c.hostOf) + 1
		c.hostOf[string(b)] = n
		c.hosts = append(c.hosts, b...)
	}
	c.uint(n)
}

// compileList writes a list.
func compileList[T any](c *compiler, list []T, write func(*T)) {
	if list == nil {
		c.uint(0)
		return
	}
	c.uint(len(list) + 1)
	for i := range list {
		write(&list[i])
	}
}

func (c *compiler) header(h *Header) {
	c.int(int64(h.V))
	c.id(h.ID)
	c.text(h.Summary)
	c.text(h.License)
	compileList(c, h.Keywords, func(s *string) { c.text(*s) })
	compileList(c, h.Providers, func(i *manifest.ID) { c.id(*i) })
	c.deprecation(h.Deprecated)
	compileList(c, h.Channels, func(x *Channel) { c.text(x.Name); c.version(x.Version) })
}

func (c *compiler) release(r *Release) {
	c.id(r.ID)
	c.version(r.Version)
	compileList(c, r.Provides, func(p *manifest.PointRef) { c.text(p.ID); c.int(int64(p.Major)); c.int(int64(p.Minor)) })
	c.host(r.Host)
	c.needList(&r.Requires)
	compileList(c, r.AnyOf, c.needList)
	c.needList(&r.Conflicts)
	compileList(c, r.Offers, func(o *manifest.Offer) { c.id(o.ID); c.version(o.Version) })
	compileList(c, r.Capabilities, func(s *manifest.Capability) { c.text(string(*s)) })
	c.int(int64(r.Facts.State))
	c.ref(Ref{r.Digest, r.Size})
	c.time(r.Time)
	c.packages += len(r.Packages)
	compileList(c, r.Packages, func(p *Package) {
		c.text(p.Runtime)
		c.text(p.Platform.OS)
		c.text(p.Platform.Arch)
		c.ref(p.Manifest)
		c.ref(p.Payload)
	})
	c.yank(r.State.Yanked)
	c.yank(r.State.Blocked)
	c.yank(r.State.Removed)
}

func (c *compiler) deprecation(d *Deprecation) {
	if d == nil {
		c.uint(0)
		return
	}
	c.uint(1)
	c.text(d.Message)
	c.id(d.Replacement)
}

func (c *compiler) version(v version.Version) {
	c.big(v.Major)
	c.big(v.Minor)
	c.big(v.Patch)
	c.text(v.Pre)
	c.text(v.Build)
}

func (c *compiler) needList(list *[]manifest.Need) {
	c.needs += len(*list)
	compileList(c, *list, func(n *manifest.Need) {
		c.id(n.ID)
		c.uint(c.rangeNumber(n.Range))
		c.uint(flag(n.Optional) | flag(n.Init)<<1)
	})
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Kinds of a time.
const (
	timeNone = iota
	timeUTC  // seconds since 1970, nanoseconds
	timeText // as RFC 3339, with a zone
)

func (c *compiler) time(t time.Time) {
	switch {
	case t.IsZero():
		c.uint(timeNone)
	case t.Location() == time.UTC:
		c.uint(timeUTC)
		c.int(t.Unix())
		c.uint(t.Nanosecond())
	default:
		c.uint(timeText)
		c.text(t.Format(time.RFC3339Nano))
	}
}

// yank writes 0 for nil, otherwise the number of the reason and one.
func (c *compiler) yank(y *Yank) {
	if y == nil {
		c.uint(0)
		return
	}
	c.uint(c.textNumber(y.Reason) + 1)
}
