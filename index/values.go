package index

import (
	"strconv"
	"time"

	"github.com/plugstead/plugstead/version"
)

// list reads a list of which read reads the elements; nil for null.
func list[T any](d *decoder, read func(*decoder, *T)) []T {
	if !d.open('[', "a list") {
		return nil
	}
	out := []T{}
	for d.element(len(out)) {
		var zero T
		out = append(out, zero)
		read(d, &out[len(out)-1])
	}
	return out
}

func readString[T ~string](d *decoder, p *T) { *p = T(d.string()) }

func (d *decoder) int() int { return int(d.integer(strconv.IntSize)) }

// host reads an object of ranges; nil for null.
func (d *decoder) host() map[string]version.Range {
	if !d.open('{', "an object") {
		return nil
	}
	m := map[string]version.Range{}
	for o := new(object); d.next(o); {
		m[o.key] = d.versions()
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
