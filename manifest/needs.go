package manifest

import (
	"fmt"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// needs checks a list of plugins in ranges that belongs to the key of that name.
func (v *validator) needs(key string, self ID, list []Need) {
	if !v.limit(key, len(list), MaxList) {
		return
	}
	for i, n := range list {
		at := key + "." + string(n.ID)
		v.other(at, self, n.ID)
		if n.Range.IsEmpty() {
			v.add(at, "", "no version is in the range %s", n.Range)
		}
		if slices.ContainsFunc(list[:i], func(q Need) bool { return q.ID == n.ID }) {
			v.add(at, "", "twice")
		}
	}
}

// other checks the name of another plugin.
func (v *validator) other(at string, self, id ID) {
	if _, err := ParseID(string(id)); err != nil {
		v.add(at, "", "%v", err)
	}
	if id == self {
		v.add(at, "", "a plugin cannot name itself")
	}
}

// bare refuses the options that only requires has.
func (v *validator) bare(key string, list []Need) {
	if i := slices.IndexFunc(list, func(n Need) bool { return n.Optional || n.Init }); i >= 0 && len(list) <= MaxList {
		v.add(key+"."+string(list[i].ID), "", "optional and init are for requires only")
	}
}

func (v *validator) anyOf(self ID, lists [][]Need) {
	if !v.limit("any_of", len(lists), MaxList) {
		return
	}
	for i, list := range lists {
		at := entryKey("any_of", i)
		if len(list) < 2 {
			v.add(at, "", "a choice has at least two names; one alone belongs in requires")
		}
		if !v.limit(at, len(list), maxChoice) {
			continue
		}
		v.needs(at, self, list)
		v.bare(at, list)
		if slices.ContainsFunc(lists[:i], func(q []Need) bool { return slices.EqualFunc(q, list, sameNeed) }) {
			v.add(at, "", "twice")
		}
	}
}

func sameNeed(a, b Need) bool { return a.ID == b.ID && a.Range.Equal(b.Range) }

// entryKey names an entry of a list, from 1.
func entryKey(list string, i int) string { return list + "." + strconv.Itoa(i+1) }

func (v *validator) offers(self ID, list []Offer) {
	if !v.limit("offers", len(list), MaxOffers) {
		return
	}
	for i, o := range list {
		at := "offers." + string(o.ID)
		v.other(at, self, o.ID)
		v.check(at, o.checkVersion())
		if slices.ContainsFunc(list[:i], func(q Offer) bool { return q.ID == o.ID }) {
			v.add(at, "", "twice")
		}
	}
}

// Check returns an error that wraps [ErrSyntax] if the name has not the form of one, or
// the version is not MAJOR.MINOR.PATCH alone. A pre-release is none: who requires a name
// asks for releases of it, and an offer is not the way around that.
func (o Offer) Check() error {
	if _, err := ParseID(string(o.ID)); err != nil {
		return err
	}
	return o.checkVersion()
}

func (o Offer) checkVersion() error {
	if o.Version.IsZero() || o.Version != o.Version.Release() {
		return fmt.Errorf("offered version %s: %w: want MAJOR.MINOR.PATCH, and not 0.0.0", o.Version, ErrSyntax)
	}
	return nil
}

// needs reads id: range, or id: {range, optional, init} where options are allowed.
func (d *yamlDecoder) needs(path string, n *yaml.Node, options bool) []Need {
	var out []Need
	d.pairs(path, n, nil, func(k string, v *yaml.Node) {
		need, at := Need{ID: ID(k)}, path+"."+k
		if options && v.Kind == yaml.MappingNode {
			d.need(at, v, &need)
		} else {
			need.Range = d.rng(at, v)
		}
		out = append(out, need)
	})
	return out
}

// need reads {range, optional, init}.
func (d *yamlDecoder) need(path string, n *yaml.Node, need *Need) {
	ranged := false // lines cannot tell: acme/x.range may be another plugin
	d.pairs(path, n, keys["requires.*"], func(k string, v *yaml.Node) {
		switch at := path + "." + k; k {
		case "range":
			ranged = true
			need.Range = d.rng(at, v)
		case "optional":
			need.Optional = d.bool(at, v)
		case "init":
			need.Init = d.bool(at, v)
		}
	})
	if !ranged {
		d.wrong(path, n, "a range is missing")
	}
}

// anyOf reads a list of {id: range, …}, in which the order is that of preference.
func (d *yamlDecoder) anyOf(path string, n *yaml.Node) [][]Need {
	if n.Kind != yaml.SequenceNode {
		d.wrong(path, n, "want a list with an entry for each choice")
		return nil
	}
	if len(n.Content) > MaxList {
		d.wrong(path, n, "%d entries, more than the limit of %d", len(n.Content), MaxList)
		return nil
	}
	var out [][]Need
	for i, c := range n.Content {
		at := entryKey(path, i)
		d.lines[at] = c
		out = append(out, d.needs(at, c, false))
	}
	return out
}

// offers reads id: version.
func (d *yamlDecoder) offers(path string, n *yaml.Node) []Offer {
	var out []Offer
	d.pairs(path, n, nil, func(k string, v *yaml.Node) {
		out = append(out, Offer{ID: ID(k), Version: d.version(path+"."+k, v)})
	})
	return out
}
