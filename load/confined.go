package load

// Confined is an optional interface of an [Instance] whose plugin has fewer rights than the
// host.
type Confined interface{ Confinement() Confinement }

// Confinement says in words of which rights a plugin is deprived unless they were granted to
// it, and of which it would be on a system that can do more, or if the driver was told to.
type Confinement struct{ Active, Missing []string }
