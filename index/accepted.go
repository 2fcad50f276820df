package index

import (
	"fmt"

	"github.com/plugstead/plugstead/manifest"
)

// maxAccepted is how many names of one kind are remembered while a document is read.
const maxAccepted = 256

// accepted remembers names of good form: the releases of a plugin repeat the same few,
// and a pattern takes longer than all else in a line.
type accepted struct {
	ids     map[manifest.ID]struct{}
	apps    map[string]struct{}
	points  map[manifest.PointRef]struct{}
	targets map[target]struct{}
}

// target is what a package is for.
type target struct {
	runtime  string
	platform manifest.Platform
}

// once calls check unless it accepted k before.
func once[K comparable](m *map[K]struct{}, k K, check func(K) error) error {
	if _, ok := (*m)[k]; ok {
		return nil
	}
	if err := check(k); err != nil {
		return err
	}
	if *m == nil {
		*m = map[K]struct{}{}
	}
	if len(*m) < maxAccepted {
		(*m)[k] = struct{}{}
	}
	return nil
}

func (a *accepted) id(id manifest.ID) error {
	return once(&a.ids, id, func(id manifest.ID) error {
		_, err := manifest.ParseID(string(id))
		return err
	})
}

func (a *accepted) app(app string) error {
	return once(&a.apps, app, func(app string) error {
		if _, err := manifest.ParseID("app/" + app); err != nil {
			return fmt.Errorf("application %.200q: %w", app, manifest.ErrSyntax)
		}
		return nil
	})
}

func (a *accepted) point(p manifest.PointRef) error {
	return once(&a.points, p, manifest.PointRef.Check)
}

func (a *accepted) target(t target) error {
	return once(&a.targets, t, func(t target) error {
		if err := manifest.CheckRuntime(t.runtime); err != nil {
			return err
		}
		_, err := manifest.ParsePlatform(t.platform.String())
		return err
	})
}
