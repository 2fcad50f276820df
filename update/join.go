package update

import (
	"cmp"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

// join unites the two sides of a merge; which of them is called ours makes no difference.
// It has the requests, pins, overrides, platforms and plugins of both. Where they do not
// agree it takes the newer version of a plugin or pin, and of ranges what both allow, or
// the one that fits the newer plugin if nothing is in both.
func join(ours, theirs *resolve.Lock) *resolve.Lock {
	out := &resolve.Lock{App: cmp.Or(ours.App, theirs.App), Pre: ours.Pre || theirs.Pre}
	out.Platforms = Change{Platforms: theirs.Platforms}.platformsOf(ours)
	out.Plugins = unite(ours.Plugins, theirs.Plugins, pluginID, newerPlugin)
	out.Pins = unite(ours.Pins, theirs.Pins, func(p resolve.Pin) manifest.ID { return p.ID }, newerPin)
	both := func(a, b resolve.Wish) resolve.Wish {
		chosen, _ := out.Find(a.ID)
		w := resolve.Wish{ID: a.ID, Range: common(a.Range, b.Range, chosen.Version), Pre: a.Pre || b.Pre}
		if a.Channel == b.Channel {
			w.Channel = a.Channel
		}
		return w
	}
	wishID := func(w resolve.Wish) manifest.ID { return w.ID }
	out.Requests = unite(ours.Requests, theirs.Requests, wishID, both)
	out.Overrides = unite(ours.Overrides, theirs.Overrides, wishID, both)
	return out
}

// unite returns what is in one of two lists or both, sorted by id.
func unite[T any](a, b []T, id func(T) manifest.ID, both func(a, b T) T) []T {
	out := slices.Clone(a)
	for _, x := range b {
		i := slices.IndexFunc(out, func(y T) bool { return id(x) == id(y) })
		if i < 0 {
			out = append(out, x)
		} else {
			out[i] = both(out[i], x)
		}
	}
	slices.SortStableFunc(out, func(x, y T) int { return strings.Compare(string(id(x)), string(id(y))) })
	return out
}

func pluginID(p resolve.Locked) manifest.ID { return p.ID }

// newerPlugin returns the newer one, with what both sides granted if they have the same.
func newerPlugin(a, b resolve.Locked) resolve.Locked {
	switch c := cmp.Or(a.Version.Compare(b.Version), strings.Compare(string(a.Digest), string(b.Digest))); {
	case c > 0:
		return a
	case c < 0:
		return b
	}
	a.Grants = slices.DeleteFunc(slices.Clone(a.Grants), func(k manifest.Capability) bool { return !slices.Contains(b.Grants, k) })
	return a
}

func newerPin(a, b resolve.Pin) resolve.Pin {
	if a.Version.Compare(b.Version) < 0 {
		return b
	}
	return a
}

// common returns the versions that are in both ranges. If none is, it returns the range
// that has v.
func common(a, b version.Range, v version.Version) version.Range {
	if longer := cmp.Or(len(a.String())-len(b.String()), strings.Compare(a.String(), b.String())); longer > 0 {
		a, b = b, a
	}
	r := a.Intersect(b)
	switch {
	case r.Equal(a):
		return a
	case r.Equal(b):
		return b
	}
	if again, err := version.ParseRange(r.String()); err == nil && !r.IsEmpty() && again.Equal(r) {
		return r
	}
	if b.HasPre(v) && !a.HasPre(v) {
		return b
	}
	return a
}
