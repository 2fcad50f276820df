package manifest

import (
	"errors"
	"fmt"
	"strings"
)

// ErrMethods is the class of [*MethodsError].
var ErrMethods = errors.New("the plugin does not fit the extension points of the application")

// HostMethod is a method of an extension point, as an application defines it.
type HostMethod struct {
	Method
	Since    int  `json:"since,omitempty"`    // minor version of the point that brought it
	Optional bool `json:"optional,omitempty"` // plugins may leave it out
}

// MethodsError says which methods of a plugin an application cannot use.
type MethodsError struct {
	ID  ID
	Why []string // one for each method, with its path
}

// Error lists every method.
func (e *MethodsError) Error() string {
	return fmt.Sprintf("plugin %s: %v: %s", e.ID, ErrMethods, strings.Join(e.Why, "; "))
}

// Is reports whether target is [ErrMethods].
func (e *MethodsError) Is(target error) bool { return target == ErrMethods }

// Fits compares what the built plugin implements with the methods of an application. It
// returns a [*MethodsError] if a method is missing that the point requires in the minor version
// of the plugin, or one has another kind or, in the same minor version, other types. What is not
// known fits.
func (m *Manifest) Fits(host []HostMethod) error {
	if m.Built == nil {
		return nil
	}
	var why []string
	for _, p := range m.Provides {
		for _, h := range host {
			if !strings.HasPrefix(h.Path, p.Prefix()) {
				continue
			}
			x, ok := m.Built.Method(h.Path)
			switch {
			case !ok && (h.Optional || h.Since > p.Minor):
			case !ok:
				why = append(why, h.Path+" is missing")
			case x.Kind != h.Kind:
				why = append(why, fmt.Sprintf("%s is of kind %d, and %d in the application", h.Path, x.Kind, h.Kind))
			case x.Minor == h.Minor && x.Fingerprint != "" && h.Fingerprint != "" && x.Fingerprint != h.Fingerprint:
				why = append(why, fmt.Sprintf("%s has other types than in the application, which has minor version %d of the point too", h.Path, h.Minor))
			}
		}
	}
	if why != nil {
		return &MethodsError{m.ID, why}
	}
	return nil
}
