//go:build !unix

package frame

import "os"

func tryWriter(*os.File) func([]byte) (int, error) { return nil }
