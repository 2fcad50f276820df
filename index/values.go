package index

import (
	"strconv"
	"strings"
	"time"

	"github.com/plugstead/plugstead/version"
)

// list reads a list of which read reads the elements; nil for null. They are gathered in
// scratch, so that the list is made once, of the right length.
func list[T any](d *decoder, scratch *[]T, read func(*decoder, *T)) []T {
	if !d.open('[', "a list") {
		return nil
	}
	all := (*scratch)[:0]
	for d.element(len(all)) {
		var zero T
		all = append(all, zero)
		read(d, &all[len(all)-1])
	}
	*scratch = all
	return append(make([]T, 0, len(all)), all...)
}

func readString[T ~string](d *decoder, p *T) { *p = T(d.string()) }

func (d *decoder) int() int { return int(d.integer(strconv.IntSize)) }

// host reads an object of ranges; nil for null. Releases in a row that say the same share
// one map.
func (d *decoder) host() map[string]version.Range {
	d.peek()
	start := d.i
	if d.lastHost != "" && strings.HasPrefix(d.text[start:], d.lastHost) {
		d.i += len(d.lastHost) // a whole object, at the same depth
		return d.lastRanges
	}
	if !d.open('{', "an object") {
		return nil
	}
	m := map[string]version.Range{}
	for o := new(object); d.next(o); {
		m[o.key] = d.versions()
	}
	if d.err == nil {
		d.lastHost, d.lastRanges = d.text[start:d.i], m
	}
	return m
}

// version reads a version, or null for the zero one.
func (d *decoder) version() version.Version {
	if d.null() {
		return version.Version{}
	}
	v, err := version.Parse(d.str("a version"))
	if err != nil {
		d.fail("%w", err)
	}
	return v
}

// versions reads a range, or null for every version.
func (d *decoder) versions() version.Range {
	if d.null() {
		return version.Range{}
	}
	text := d.str("a range")
	if r, ok := d.ranges[text]; ok {
		return r
	}
	r, err := version.ParseRange(text)
	if err != nil {
		d.fail("%w", err)
		return r
	}
	if d.ranges == nil {
		d.ranges = map[string]version.Range{}
	}
	if len(d.ranges) < maxRanges {
		d.ranges[text] = r
	}
	return r
}

// time reads a time as written by RFC 3339, without escapes, or null for the zero one.
func (d *decoder) time() (t time.Time) {
	d.peek()
	start := d.i
	if d.skip(); d.err != nil {
		return t
	}
	if err := t.UnmarshalJSON([]byte(d.text[start:d.i])); err != nil {
		d.fail("%w", err)
	}
	return t
}
