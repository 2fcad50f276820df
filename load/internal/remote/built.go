package remote

import (
	"slices"
	"strings"

	"github.com/plugstead/plugstead/internal/frame"
	"github.com/plugstead/plugstead/manifest"
)

// Describing asks a plugin to say in its hello what configuration it takes.
const Describing = frame.DescribeEnv + "=1"

// Built says a hello that [NewTable] has taken in the words of manifests.
func (t *Table) Built() *manifest.Built {
	b := &manifest.Built{Config: t.hello.Config}
	for _, m := range t.hello.Methods {
		b.Methods = append(b.Methods, manifest.Method{Path: m.Path, Minor: m.Minor, Kind: m.Kind, Fingerprint: m.Fingerprint})
	}
	slices.SortFunc(b.Methods, func(x, y manifest.Method) int { return strings.Compare(x.Path, y.Path) })
	return b
}
