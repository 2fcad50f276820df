//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package terminal

import "os"

func drawable(*os.File) bool { return false }

func interactive(*os.File) bool { return false }

func size(*os.File) (width, height int) { return 0, 0 }
