//go:build !gfm

package markdown

import "github.com/yuin/goldmark"

// extensions of version 1.0: none.
var extensions []goldmark.Extender
