//go:build !linux

package process

import "github.com/plugstead/plugstead/load/internal/confine"

// set fails if l has any.
func (l Limits) set(int) error {
	if l == (Limits{}) {
		return nil
	}
	return confine.ErrUnsupported
}
