package author

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/process"
	"github.com/plugstead/plugstead/load/wasm"
	"github.com/plugstead/plugstead/manifest"
)

// describeTimeout is how long a plugin may take to say what it is.
const describeTimeout = 2 * time.Minute

// Describe runs the built plugin of the folder, in a clean environment and without opening
// it, and returns what it says of itself. It runs the first target that can run here; nil
// without an error says that there is none.
func (f *Folder) Describe(ctx context.Context) (*manifest.Built, error) {
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	for _, t := range f.Targets(false) {
		im := load.Image{Manifest: f.Manifest, Runtime: t.Runtime, Tree: f.Dir}
		switch t.Runtime {
		case manifest.RuntimeProcess:
			return process.Driver{StartTimeout: describeTimeout}.Describe(ctx, im)
		case manifest.RuntimeWasm:
			return wasm.Driver{}.Describe(ctx, im)
		}
	}
	return nil, nil
}

// Built is [Folder.Describe] for a manifest that is to be packed. A plugin that cannot be run
// here is packed without a description; note says why. What contradicts plugin.yaml is an
// error.
func Built(ctx context.Context, root *os.Root, m *manifest.Manifest) (b *manifest.Built, note string, err error) {
	dir, err := filepath.Abs(root.Name())
	if err != nil {
		return nil, "", err
	}
	f := Folder{Dir: dir, Manifest: m.WithoutPromises()}
	switch b, err = f.Describe(ctx); {
	case ctx.Err() != nil:
		return nil, "", ctx.Err()
	case err != nil:
		return nil, fmt.Sprintf("the built plugin did not say what it implements: %v", err), nil
	case b == nil && m.Runtimes.Process == nil && m.Runtimes.Wasm == nil:
		return nil, "", nil // a command is not asked, and files cannot be
	case b == nil:
		return nil, "no program for this machine: what the plugin implements is not recorded", nil
	}
	return b, "", nil
}
