package resolve

import (
	"errors"
	"fmt"
	"strings"

	"github.com/plugstead/plugstead/manifest"
)

// ErrBudget says that the search took more steps than allowed.
var ErrBudget = errors.New("gave up: too many combinations")

// ErrLinked says that a wished plugin is part of the program and so cannot be
// installed.
var ErrLinked = errors.New("linked into this program")

// Kind says what kept a plugin from being chosen.
type Kind string

// The kinds of a conflict.
const (
	Unknown   Kind = "unknown"   // no plugin of that name
	Versions  Kind = "versions"  // nobody's ranges fit together
	HostRange Kind = "host"      // no version is for this version of the application
	Point     Kind = "point"     // no version serves an extension point of the application
	Platform  Kind = "platform"  // no version runs here
	Forbidden Kind = "policy"    // a rule keeps every version away
	Conflict  Kind = "conflicts" // plugins declare that they exclude each other
)

// ConflictError explains why no set of versions fits. Its text is the proof: one
// line that names the plugin, then who asked for what, then why the versions that
// exist do not serve.
type ConflictError struct {
	Kind  Kind
	ID    manifest.ID // the plugin that could not be chosen
	Lead  string
	Steps []string
}

// Error returns the lead and the steps, one a line.
func (e *ConflictError) Error() string {
	return strings.Join(append([]string{e.Lead}, e.Steps...), "\n  ")
}

func unknown(id manifest.ID, asked []constraint, cause error) *UnknownError {
	e := &UnknownError{ID: id, cause: cause}
	for _, c := range asked {
		e.Asked = append(e.Asked, c.from)
	}
	return e
}

// UnknownError says that no source has a plugin of a name.
type UnknownError struct {
	ID    manifest.ID
	Asked []string // by whom: You or "namespace/name version"
	cause error
}

// Error names the plugin and, if it was no wish, who requires it.
func (e *UnknownError) Error() string {
	if len(e.Asked) == 0 || e.Asked[0] == You {
		return fmt.Sprintf("no plugin is called %s", e.ID)
	}
	return fmt.Sprintf("no plugin is called %s\n  %s requires it", e.ID, strings.Join(e.Asked, " and "))
}

// Unwrap returns what the index said.
func (e *UnknownError) Unwrap() error { return e.cause }
