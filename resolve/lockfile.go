package resolve

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// Text returns l as plugins.lock, described in docs/spec/lock.md: the same bytes for
// the same state, whatever the order of its lists. Because is no part of it. If l has
// what no lock may have, for example a plugin twice, [ParseLock] refuses the text; a
// nil lock gives that of an empty one.
func (l *Lock) Text() []byte {
	if l == nil {
		l = new(Lock)
	}
	b := make([]byte, 0, 512+2048*len(l.Plugins))
	b = append(b, lockFormat+"\n"...)
	b = appendKeys(b, lockHead, l)
	for _, s := range lockSections {
		b = s.append(b, l)
	}
	return b
}

// lockFormat is the first line.
const lockFormat = "lock = 1"

// pluginSection is the kind of blocks that plugins have.
const pluginSection = "plugin"

// The form of a lock, for writer and reader: sections in order, and keys in order.
var (
	lockHead = []lockField[Lock]{
		keyOf("app", false, func(l *Lock) *string { return &l.App }, asApp),
		listOf("platforms", func(l *Lock) *[]manifest.Platform { return &l.Platforms }, asPlatform),
		keyOf("pre", false, func(l *Lock) *bool { return &l.Pre }, asFlag),
	}
	lockSections = []lockSection{
		blocksOf("request", func(l *Lock) *[]Wish { return &l.Requests }, func(w *Wish) string { return string(w.ID) }, []lockField[Wish]{
			keyOf("plugin", true, func(w *Wish) *manifest.ID { return &w.ID }, asID),
			keyOf("range", true, func(w *Wish) *version.Range { return &w.Range }, asRange),
			keyOf("channel", false, func(w *Wish) *string { return &w.Channel }, asChannel),
			keyOf("pre", false, func(w *Wish) *bool { return &w.Pre }, asFlag),
		}),
		blocksOf("pin", func(l *Lock) *[]Pin { return &l.Pins }, func(p *Pin) string { return string(p.ID) }, []lockField[Pin]{
			keyOf("plugin", true, func(p *Pin) *manifest.ID { return &p.ID }, asID),
			keyOf("version", true, func(p *Pin) *version.Version { return &p.Version }, asVersion),
		}),
		blocksOf("override", func(l *Lock) *[]Wish { return &l.Overrides }, func(w *Wish) string { return string(w.ID) }, []lockField[Wish]{
			keyOf("plugin", true, func(w *Wish) *manifest.ID { return &w.ID }, asID),
			keyOf("range", true, func(w *Wish) *version.Range { return &w.Range }, asRange),
		}),
		blocksOf("source", func(l *Lock) *[]LockedSource { return &l.Sources }, func(s *LockedSource) string { return s.Name }, []lockField[LockedSource]{
			keyOf("name", true, func(s *LockedSource) *string { return &s.Name }, asText),
			keyOf("url", false, func(s *LockedSource) *string { return &s.URL }, asText),
			keyOf("root", true, func(s *LockedSource) *string { return &s.Root }, asText),
		}),
		blocksOf(pluginSection, func(l *Lock) *[]Locked { return &l.Plugins }, func(p *Locked) string { return string(p.ID) }, []lockField[Locked]{
			keyOf("id", true, func(p *Locked) *manifest.ID { return &p.ID }, asID),
			keyOf("version", true, func(p *Locked) *version.Version { return &p.Version }, asVersion),
			keyOf("digest", true, func(p *Locked) *artifact.Digest { return &p.Digest }, asDigest),
			keyOf("size", true, func(p *Locked) *int64 { return &p.Size }, asNumber),
			keyOf("source", true, func(p *Locked) *string { return &p.Source }, asText),
			listOf("requires", func(p *Locked) *[]manifest.Need { return &p.Requires }, asNeed),
			listOf("any_of", func(p *Locked) *[][]manifest.Need { return &p.AnyOf }, rowOf(asNeed)),
			listOf("conflicts", func(p *Locked) *[]manifest.Need { return &p.Conflicts }, asNeed),
			listOf("provides", func(p *Locked) *[]manifest.PointRef { return &p.Provides }, asPoint),
			listOf("offers", func(p *Locked) *[]manifest.Offer { return &p.Offers }, asOffer),
			hostRanges(checked(listOf("host", func(h *[]hostRange) *[]hostRange { return h }, asHost), onePerApp)),
			listOf("grants", func(p *Locked) *[]manifest.Capability { return &p.Grants }, asCapability),
			keyOf("leaf", false, func(p *Locked) *int64 { return &p.Leaf }, asNumber),
			checked(listOf("packages", func(p *Locked) *[]index.Package { return &p.Packages }, asPackage), onePerPlatform),
		}),
	}
)

// The values of a lock.
var (
	asChannel    = quoted(func(s string) string { return s }, checkChannel)
	asText       = quoted(func(s string) string { return s }, checkText)
	asApp        = quoted(func(s string) string { return s }, checkApp)
	asID         = repeated(func(id manifest.ID) string { return string(id) }, manifest.ParseID)
	asVersion    = quoted(version.Version.String, parseVersion)
	asRange      = repeated(version.Range.String, version.ParseRange)
	asDigest     = quoted(func(d artifact.Digest) string { return string(d) }, parseDigest)
	asPlatform   = repeated(manifest.Platform.String, manifest.ParsePlatform)
	asPoint      = repeated(manifest.PointRef.String, manifest.ParsePointRef)
	asCapability = quoted(func(c manifest.Capability) string { return string(c) }, func(s string) (manifest.Capability, error) {
		s, err := checkText(s)
		return manifest.Capability(s), err
	})
	asOffer = repeated(func(o manifest.Offer) string { return string(o.ID) + "@" + o.Version.String() }, parseOffer)
	asNeed  = tableOf([]lockField[manifest.Need]{
		keyOf("id", true, func(n *manifest.Need) *manifest.ID { return &n.ID }, asID),
		keyOf("range", true, func(n *manifest.Need) *version.Range { return &n.Range }, asRange),
		keyOf("optional", false, func(n *manifest.Need) *bool { return &n.Optional }, asFlag),
		keyOf("init", false, func(n *manifest.Need) *bool { return &n.Init }, asFlag),
	})
	asHost = tableOf([]lockField[hostRange]{
		keyOf("app", true, func(h *hostRange) *string { return &h.app }, asApp),
		keyOf("range", true, func(h *hostRange) *version.Range { return &h.rng }, asRange),
	})
	asPackage = tableOf([]lockField[index.Package]{
		keyOf("runtime", true, func(p *index.Package) *string { return &p.Runtime }, asText),
		keyOf("platform", true, func(p *index.Package) *manifest.Platform { return &p.Platform }, asPlatform),
		keyOf("manifest", true, func(p *index.Package) *artifact.Digest { return &p.Manifest.Digest }, asDigest),
		keyOf("manifest_size", true, func(p *index.Package) *int64 { return &p.Manifest.Size }, asNumber),
		keyOf("payload", true, func(p *index.Package) *artifact.Digest { return &p.Payload.Digest }, asDigest),
		keyOf("payload_size", true, func(p *index.Package) *int64 { return &p.Payload.Size }, asNumber),
	})
)

// hostRange is one entry of Locked.Host.
type hostRange struct {
	app string
	rng version.Range
}

// lockValue is how one value is written and read.
type lockValue[V any] struct {
	append func(b []byte, v *V) []byte
	scan   func(r *lockReader, s string, v *V) (rest string, err error)
}

// lockField is one key of a block or table of T.
type lockField[T any] struct {
	key    string
	must   bool                        // written also if empty, and missed if not there
	append func(b []byte, t *T) []byte // the value
	scan   func(r *lockReader, s string, t *T) (rest string, err error)
	list   func(*lockReader, *T) error // in place of scan: the lines of a list
}

// keyOf is a field with one value.
func keyOf[T, V any](name string, must bool, of func(*T) *V, v lockValue[V]) lockField[T] {
	return lockField[T]{
		key: name, must: must,
		append: func(b []byte, t *T) []byte { return v.append(b, of(t)) },
		scan:   func(r *lockReader, s string, t *T) (string, error) { return v.scan(r, s, of(t)) },
	}
}

// listOf is a field with a list of values, one a line.
func listOf[T, V any](name string, of func(*T) *[]V, v lockValue[V]) lockField[T] {
	return lockField[T]{
		key:    name,
		append: func(b []byte, t *T) []byte { return appendList(b, *of(t), v) },
		list:   func(r *lockReader, t *T) error { return readList(r, of(t), v) },
	}
}

// checked is a list with a check of what was read.
func checked[T any](f lockField[T], check func(*T) error) lockField[T] {
	read := f.list
	f.list = func(r *lockReader, t *T) error {
		if err := read(r, t); err != nil {
			return err
		}
		if err := check(t); err != nil {
			return r.fail("%s: %w", f.key, err)
		}
		return nil
	}
	return f
}

// hostRanges makes a field of Locked.Host out of one of a list.
func hostRanges(f lockField[[]hostRange]) lockField[Locked] {
	return lockField[Locked]{
		key: f.key,
		append: func(b []byte, p *Locked) []byte {
			var hosts []hostRange
			for app, rng := range p.Host {
				hosts = append(hosts, hostRange{app, rng})
			}
			return f.append(b, &hosts)
		},
		list: func(r *lockReader, p *Locked) error {
			var hosts []hostRange
			if err := f.list(r, &hosts); err != nil {
				return err
			}
			p.Host = make(map[string]version.Range, len(hosts))
			for _, h := range hosts {
				p.Host[h.app] = h.rng
			}
			return nil
		},
	}
}

// onePerApp expects entries that are sorted, at least one.
func onePerApp(hosts *[]hostRange) error {
	for i, h := range (*hosts)[1:] {
		if h.app == (*hosts)[i].app {
			return fmt.Errorf("two ranges for %s", h.app)
		}
	}
	return nil
}

// onePerPlatform expects packages that are sorted, at least one.
func onePerPlatform(p *Locked) error {
	for i, k := range p.Packages[1:] {
		if before := p.Packages[i]; k.Runtime == before.Runtime && k.Platform == before.Platform {
			return fmt.Errorf("two of %s for %s", k.Runtime, k.Platform)
		}
	}
	return nil
}

// lockSection is all blocks of one kind.
type lockSection struct {
	name   string
	append func([]byte, *Lock) []byte
	read   func(*lockReader, *Lock) error // one block, behind its first line
}

func blocksOf[T any](name string, of func(*Lock) *[]T, id func(*T) string, fields []lockField[T]) lockSection {
	byID := func(a, b *T) int { return strings.Compare(id(a), id(b)) }
	return lockSection{
		name: name,
		append: func(b []byte, l *Lock) []byte {
			list := *of(l)
			all := make([]*T, len(list)) // they are large
			for i := range list {
				all[i] = &list[i]
			}
			slices.SortStableFunc(all, byID)
			for _, t := range all {
				b = append(b, "\n[["+name+"]]\n"...)
				b = appendKeys(b, fields, t)
			}
			return b
		},
		read: func(r *lockReader, l *Lock) error { return readBlock(r, name, of(l), id, fields) },
	}
}

// appendKeys writes the fields of t, one a line.
func appendKeys[T any](b []byte, fields []lockField[T], t *T) []byte {
	for i := range fields {
		n := len(b)
		if b = appendKey(b, &fields[i], t); len(b) > n {
			b = append(b, '\n')
		}
	}
	return b
}

// appendKey writes KEY = VALUE, or nothing if the value is empty and may be left out.
func appendKey[T any](b []byte, f *lockField[T], t *T) []byte {
	start := len(b)
	b = append(b, f.key...)
	b = append(b, " = "...)
	at := len(b)
	b = f.append(b, t)
	if f.must {
		return b
	}
	switch string(b[at:]) {
	case "", `""`, "0", "false":
		return b[:start]
	}
	return b
}

// appendList writes the entries sorted by their bytes, none twice; nothing if there
// are none.
func appendList[V any](b []byte, list []V, v lockValue[V]) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(b, "[\n"...)
	start, last, sorted := len(b), len(b), true
	for i := range list {
		at := len(b)
		b = append(v.append(append(b, "  "...), &list[i]), ",\n"...)
		sorted = sorted && (i == 0 || bytes.Compare(b[last:at], b[at:]) < 0)
		last = at
	}
	if !sorted {
		lines := slices.Collect(strings.Lines(string(b[start:])))
		slices.Sort(lines)
		b = b[:start]
		for _, l := range slices.Compact(lines) {
			b = append(b, l...)
		}
	}
	return append(b, ']')
}

// tableOf is a value of several keys on one line. One of them is always written.
func tableOf[T any](fields []lockField[T]) lockValue[T] {
	return lockValue[T]{
		append: func(b []byte, t *T) []byte {
			b = append(b, "{ "...)
			for i := range fields {
				n := len(b)
				if b = appendKey(b, &fields[i], t); len(b) > n {
					b = append(b, ", "...)
				}
			}
			return append(b[:len(b)-len(", ")], " }"...)
		},
		scan: func(r *lockReader, s string, t *T) (string, error) { return scanTable(r, s, fields, t) },
	}
}

// rowOf is a list on one line, at least one value in an order that means something.
func rowOf[V any](v lockValue[V]) lockValue[[]V] {
	return lockValue[[]V]{
		append: func(b []byte, row *[]V) []byte {
			b = append(b, '[')
			for i := range *row {
				if i > 0 {
					b = append(b, ", "...)
				}
				b = v.append(b, &(*row)[i])
			}
			return append(b, ']')
		},
		scan: func(r *lockReader, s string, row *[]V) (string, error) { return scanRow(r, s, row, v) },
	}
}

// quoted is a value that is a text.
func quoted[V any](format func(V) string, parse func(string) (V, error)) lockValue[V] {
	return lockValue[V]{
		append: func(b []byte, v *V) []byte { return appendQuoted(b, format(*v)) },
		scan: func(_ *lockReader, s string, v *V) (string, error) {
			text, rest, err := unquote(s)
			if err == nil {
				*v, err = parse(text)
			}
			return rest, err
		},
	}
}

// repeated is a text that a lock has many times, so it is parsed once.
func repeated[V any](format func(V) string, parse func(string) (V, error)) lockValue[V] {
	once := quoted(format, parse)
	type known struct{ literal string }
	return lockValue[V]{append: once.append, scan: func(r *lockReader, s string, v *V) (string, error) {
		end := strings.IndexByte(s[min(1, len(s)):], '"') + 2
		if x, ok := r.known[known{s[:min(end, len(s))]}]; ok {
			*v = x.(V)
			return s[end:], nil
		}
		rest, err := once.scan(r, s, v)
		if err == nil {
			r.known[known{s[:len(s)-len(rest)]}] = *v
		}
		return rest, err
	}}
}

var (
	asNumber = lockValue[int64]{append: func(b []byte, n *int64) []byte { return strconv.AppendInt(b, *n, 10) }, scan: scanNumber}
	asFlag   = lockValue[bool]{append: func(b []byte, v *bool) []byte { return strconv.AppendBool(b, *v) }, scan: scanFlag}
)

// appendQuoted writes a text. All that is not ASCII is escaped, so no character can
// hide and no table of a Unicode version decides the form.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	plain := 0
	for plain < len(s) && isPlain(s[plain]) {
		plain++
	}
	b = append(b, s[:plain]...)
	for _, c := range s[plain:] {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', byte(c))
		case c >= ' ' && c <= '~':
			b = append(b, byte(c))
		case c <= 0xffff:
			b = fmt.Appendf(b, `\u%04X`, c)
		default:
			b = fmt.Appendf(b, `\U%08X`, c)
		}
	}
	return append(b, '"')
}

// isPlain reports whether c stands for itself in a text.
func isPlain(c byte) bool { return c >= ' ' && c <= '~' && c != '"' && c != '\\' }
