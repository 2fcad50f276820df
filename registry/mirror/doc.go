// Package mirror copies plugins of one source to a place that needs no registry server: a
// static tree, or a bundle.
//
// [Select] says what is copied, index documents verbatim among it; [ToTree] copies it to a
// folder. Every byte is checked against its digest on the way. What it copies is not judged
// otherwise: whoever installs it does that.
package mirror

import "errors"

// Errors of this package. They come wrapped with what they are about.
var (
	// ErrCannotList says that a source cannot name all its plugins.
	ErrCannotList = errors.New("the source cannot list all its plugins")
	// ErrNothing says that of a plugin that was asked for nothing would be copied.
	ErrNothing = errors.New("nothing to copy")
)
