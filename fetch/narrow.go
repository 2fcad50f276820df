package fetch

import (
	"context"
	"slices"

	"github.com/plugstead/plugstead/index"
)

// Narrow implements [Narrower]: a release is there if one mirror has it, for the platforms
// that one of them has. A mirror that does not tell has everything; one that cannot be
// asked has nothing, and if none can be asked what is missing shows when it is fetched.
func (m Mirrored) Narrow(ctx context.Context, p *index.Plugin) (*index.Plugin, error) {
	var parts []*index.Plugin
	for _, s := range m.Sources {
		n, ok := s.(Narrower)
		if !ok {
			return p, nil
		}
		part, err := n.Narrow(ctx, p)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err == nil {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return p, nil
	}
	return together(p, parts), nil
}

// together returns p with what one of its parts has.
func together(p *index.Plugin, parts []*index.Plugin) *index.Plugin {
	out := new(*p)
	out.Releases = slices.Clone(p.Releases)
	for i := range out.Releases {
		var have []index.Package
		missing := true
		for _, part := range parts {
			if y := part.Releases[i].State.Yanked; y == nil || y.Reason != index.NotMirrored {
				missing = false
				have = append(have, part.Releases[i].Packages...)
			}
		}
		if missing {
			out.Releases[i] = parts[0].Releases[i]
			continue
		}
		out.Releases[i].Packages = slices.DeleteFunc(slices.Clone(p.Releases[i].Packages), func(x index.Package) bool { return !slices.Contains(have, x) })
	}
	return out
}
