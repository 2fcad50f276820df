//go:build !linux

package author

import "context"

// left cannot tell on this system which processes a plugin has started.
func left(context.Context, string) error {
	return skip("which processes a plugin has started is known on Linux only")
}
