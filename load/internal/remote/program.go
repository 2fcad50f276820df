package remote

import (
	"os"
	"path/filepath"
	"runtime"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
)

// Inside returns the absolute path of an entry of the manifest in the folder of im. One that
// is not below it is an InvalidArgument error.
func Inside(im load.Image, entry string) (string, error) {
	entry = filepath.FromSlash(entry)
	if !filepath.IsAbs(im.Tree) || !filepath.IsLocal(entry) {
		return "", contract.Errorf(contract.InvalidArgument, "plugin %s: %q in folder %q: want a path below an absolute folder", im.Manifest.ID, entry, im.Tree)
	}
	return filepath.Join(im.Tree, entry), nil
}

// Executable is [Inside] of a program, which has to be there: a missing one is a
// FailedPrecondition error.
func Executable(im load.Image, entry string) (string, error) {
	path, err := Inside(im, entry)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", contract.Errorf(contract.FailedPrecondition, "plugin %s: program: %w", im.Manifest.ID, err)
	}
	if !info.Mode().IsRegular() || runtime.GOOS != "windows" && info.Mode()&0o111 == 0 {
		return "", contract.Errorf(contract.FailedPrecondition, "plugin %s: %s is no executable file", im.Manifest.ID, path)
	}
	return path, nil
}
