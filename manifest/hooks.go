package manifest

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxPriority is the largest priority of a hook; the smallest is its negative.
const MaxPriority = 1000

// maxNeighbours limits before and after.
const maxNeighbours = 50

// Hook is the place of a plugin among those that an application calls one after the other
// at an extension point. Names of plugins that are not there mean nothing.
type Hook struct {
	Point    string `json:"point"`              // one that the plugin provides
	Priority int    `json:"priority,omitempty"` // lower ones are called first where nothing else is said
	Before   []ID   `json:"before,omitempty"`   // plugins that are called after this one
	After    []ID   `json:"after,omitempty"`    // plugins that are called before this one
}

// Hook returns the place of m at a point; its zero value says nothing.
func (m *Manifest) Hook(point string) Hook {
	i, ok := slices.BinarySearchFunc(m.Hooks, point, func(h Hook, p string) int { return strings.Compare(h.Point, p) })
	if !ok {
		return Hook{Point: point}
	}
	return m.Hooks[i]
}

func (d *yamlDecoder) hooks(path string, n *yaml.Node) (out []Hook) {
	d.pairs(path, n, nil, func(point string, v *yaml.Node) {
		h, at := Hook{Point: point}, path+"."+point
		d.pairs(at, v, keys["hooks.*"], func(k string, v *yaml.Node) {
			switch k {
			case "priority":
				h.Priority = d.priority(at+".priority", v)
			case "before":
				h.Before = d.ids(at+".before", v)
			case "after":
				h.After = d.ids(at+".after", v)
			}
		})
		out = append(out, h)
	})
	slices.SortStableFunc(out, func(a, b Hook) int { return strings.Compare(a.Point, b.Point) })
	return out
}

func (d *yamlDecoder) priority(path string, n *yaml.Node) int {
	i, err := strconv.Atoi(n.Value)
	if n.Tag != "!!int" || err != nil || strconv.Itoa(i) != n.Value {
		d.wrong(path, n, "want a number from %d to %d", -MaxPriority, MaxPriority)
	}
	return i
}

func (d *yamlDecoder) ids(path string, n *yaml.Node) (out []ID) {
	for _, s := range d.texts(path, n) {
		out = append(out, ID(s))
	}
	return out
}

func (v *validator) hooks(m *Manifest) {
	if !v.limit("hooks", len(m.Hooks), MaxList) {
		return
	}
	for i, h := range m.Hooks {
		at := "hooks." + h.Point
		if i > 0 && m.Hooks[i-1].Point >= h.Point {
			v.add("hooks", "", "%.200q stands after %.200q; want them sorted, none twice", h.Point, m.Hooks[i-1].Point)
		}
		if !slices.ContainsFunc(m.Provides, func(p PointRef) bool { return p.ID == h.Point }) {
			v.add(at, "", "the plugin does not provide this extension point")
		}
		if h.Priority < -MaxPriority || h.Priority > MaxPriority {
			v.add(at+".priority", "", "%d is not between %d and %d", h.Priority, -MaxPriority, MaxPriority)
		}
		v.neighbours(at+".before", m.ID, h.Before, nil)
		v.neighbours(at+".after", m.ID, h.After, h.Before)
	}
}

// neighbours checks a list of plugins; those in other must not be in it.
func (v *validator) neighbours(key string, self ID, list, other []ID) {
	if !v.limit(key, len(list), maxNeighbours) {
		return
	}
	for i, id := range list {
		if _, err := ParseID(string(id)); err != nil {
			v.add(key, "", "%v", err)
		}
		if id == self {
			v.add(key, "", "the plugin itself")
		}
		if slices.Contains(list[:i], id) {
			v.add(key, "", "%.130q twice", id)
		}
		if slices.Contains(other, id) {
			v.add(key, "", "%.130q is in before and in after", id)
		}
	}
}
