// Package terminal tells whether a writer is a terminal that can be drawn on, and how
// large it is.
package terminal

import (
	"io"
	"os"
)

// Of returns the file behind w if that is a terminal whose lines can be drawn anew with
// the codes of ECMA-48, which TERM=dumb denies. On Windows it turns on that the console
// understands them.
func Of(w io.Writer) (f *os.File, ok bool) {
	f, ok = w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" || !drawable(f) {
		return nil, false
	}
	return f, true
}

// Interactive reports whether every one of files, readers or writers, is a terminal with a
// person before it, who can be asked.
func Interactive(files ...any) bool {
	for _, x := range files {
		if f, ok := x.(*os.File); !ok || !interactive(f) {
			return false
		}
	}
	return len(files) > 0
}

// Size returns the size of a terminal in cells: 80 by 24 if it does not say.
func Size(f *os.File) (width, height int) {
	width, height = size(f)
	if width <= 0 || height <= 0 {
		return 80, 24
	}
	return width, height
}
