package load

import "io/fs"

// Files is an optional interface of an [Instance] whose plugin has files for the application.
type Files interface {
	// Files returns the files of the plugin, to be read. Nothing outside of its folder is
	// reached, through no link. It works until the plugin is stopped; then opening fails
	// with an error that wraps fs.ErrClosed, and what was opened can be read on.
	Files() fs.FS
}
