package load

import (
	"context"

	"github.com/plugstead/plugstead/manifest"
)

// Describer is an optional interface of a [Driver] that can ask a plugin what it is.
type Describer interface {
	// Describe starts the plugin of im without opening it, and returns what it implements and
	// what configuration it takes. Errors are those of [Driver.Start].
	Describe(ctx context.Context, im Image) (*manifest.Built, error)
}
