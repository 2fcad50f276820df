package resolve

import "errors"

// ErrBudget says that the search took more steps, plugins or time than allowed.
var ErrBudget = errors.New("gave up: too many combinations")

// ErrLinked says that a wished plugin is part of the program and so cannot be
// installed.
var ErrLinked = errors.New("linked into this program")

// Kind says what kept a plugin from being chosen.
type Kind string

// The kinds of a failure and of its refusals.
const (
	Unknown     Kind = "unknown"     // no plugin of that name
	Versions    Kind = "versions"    // nobody's ranges fit together
	Conflict    Kind = "conflicts"   // plugins declare that they exclude each other
	HostRange   Kind = "host"        // no version is for this version of the application
	Point       Kind = "point"       // no version serves an extension point of the application
	Platform    Kind = "platform"    // no version runs on every platform asked for
	PreReleases Kind = "pre-release" // only pre-releases would fit
	Yanked      Kind = "yanked"      // every version that would fit is yanked
	Blocked     Kind = "blocked"     // the registry calls every version that would fit unsafe
	Age         Kind = "age"         // hidden by a minimum age or a date
	Forbidden   Kind = "policy"      // a rule of the operator keeps every version away
	Excluded    Kind = "excluded"    // excluded by a rule of the problem
	Pinned      Kind = "pinned"      // another version is pinned
	Older       Kind = "downgrade"   // only versions older than the installed one would fit
	TooFar      Kind = "step"        // only versions beyond the step of an update would fit
	Kept        Kind = "kept"        // other plugins would have to move
	Itself      Kind = "itself"      // requires another version of itself
	Provider    Kind = "provider"    // others offer the name, but nobody asked for one of them
)
