//go:build gfm

package markdown

import (
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

// extensions of version 1.1.
var extensions = []goldmark.Extender{extension.GFM}
