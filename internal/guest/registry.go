package guest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/plugstead/plugstead/contract"
)

// Registration describes one plugin linked into this program.
type Registration struct {
	ID      string
	Methods []*contract.Method
	Config  reflect.Type // of the configuration; nil: it takes none
	// Open makes an instance. decode fills a pointer to the configuration.
	Open func(ctx context.Context, e *Env, decode Decode) (*Instance, error)
}

// Decode fills v, a pointer, with the configuration. Without one it leaves v alone.
type Decode func(v any) error

// Instance is one opened plugin. Nil functions mean: nothing to do; a nil Configure
// means that the plugin has to be started anew.
type Instance struct {
	Handlers  map[string]contract.Handler // by path
	Check     func(context.Context) error
	Quiesce   func(context.Context) error
	Stop      func(context.Context) error
	Configure func(ctx context.Context, decode Decode) error
}

// Registry holds registrations. The zero value is ready; it is safe for concurrent use.
type Registry struct {
	mu   sync.Mutex
	byID map[string]*Registration
}

// Linked is the registry of this program, filled by init functions.
var Linked Registry

// Register adds a plugin. It panics on an id of a wrong form, a repeated id, a repeated
// method, and a missing required method: mistakes that no run of the program survives.
func (g *Registry) Register(r *Registration) {
	if !ValidID(r.ID) {
		panic(fmt.Sprintf("sdk: plugin %q: want an id like acme/resize", r.ID))
	}
	have := map[*contract.Method]bool{}
	for _, m := range r.Methods {
		if have[m] {
			panic(fmt.Sprintf("sdk: plugin %s implements %s twice", r.ID, m.Path()))
		}
		have[m] = true
	}
	for _, m := range r.Methods {
		for _, need := range m.Point().Methods() {
			if !need.Optional && !have[need] {
				panic(fmt.Sprintf("sdk: plugin %s implements %s without its method %s", r.ID, m.Point(), need.Name()))
			}
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.byID[r.ID] != nil {
		panic("sdk: plugin " + r.ID + " registered twice")
	}
	if g.byID == nil {
		g.byID = map[string]*Registration{}
	}
	g.byID[r.ID] = r
}

// All returns the registrations, sorted by id.
func (g *Registry) All() []*Registration {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []*Registration
	for _, r := range g.byID {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b *Registration) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// Find returns the registration of id, or nil.
func (g *Registry) Find(id string) *Registration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.byID[id]
}

// Pick returns the registration of id; an empty id means the only one.
func (g *Registry) Pick(id string) (*Registration, error) {
	if id != "" {
		if r := g.Find(id); r != nil {
			return r, nil
		}
		return nil, contract.Errorf(contract.NotFound, "this program holds no plugin %s", id)
	}
	all := g.All()
	if len(all) != 1 {
		return nil, contract.Errorf(contract.FailedPrecondition, "this program holds %d plugins; the host must name one", len(all))
	}
	return all[0], nil
}

// ValidID reports whether s is the id of a plugin, "namespace/name"; the rule is that of
// the manifest.
func ValidID(s string) bool {
	ns, name, ok := strings.Cut(s, "/")
	return ok && validPart(ns) && validPart(name)
}

const maxPart = 64

// validPart: words of letters and digits, joined by one dot, one or two underscores, or
// dashes.
func validPart(s string) bool {
	if s == "" || len(s) > maxPart || !isAlnum(s[0]) || !isAlnum(s[len(s)-1]) {
		return false
	}
	for i := 0; i < len(s); {
		if isAlnum(s[i]) {
			i++
			continue
		}
		j := i
		for !isAlnum(s[j]) { // the last byte is one
			j++
		}
		switch joint := s[i:j]; {
		case joint == ".", joint == "_", joint == "__", strings.Trim(joint, "-") == "":
		default:
			return false
		}
		i = j
	}
	return true
}

func isAlnum(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }
