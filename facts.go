package plugstead

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/strictjson"
	"github.com/plugstead/plugstead/resolve"
)

// factsFile holds what [Open] last said of the application, so that another program
// can install plugins for it.
const factsFile = "host.json"

// ErrUnknownApp says that an application was never opened in a folder.
var ErrUnknownApp = errors.New("this application has not run yet")

// ReadFacts reads what an application said of itself when it was last opened on the
// installation folder dir.
func ReadFacts(dir string) (resolve.Host, error) {
	var h resolve.Host
	b, err := os.ReadFile(filepath.Join(dir, factsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return h, fmt.Errorf("%s: %w", dir, ErrUnknownApp)
	}
	if err != nil {
		return h, err
	}
	if err := strictjson.Unmarshal(b, &h, strictjson.Limits{AllowUnknown: true}); err != nil {
		return resolve.Host{}, fmt.Errorf("%s: %w", filepath.Join(dir, factsFile), err)
	}
	return h, nil
}

// writeFacts writes the file if it says something else.
func writeFacts(dir string, h resolve.Host) error {
	b, err := json.MarshalIndent(h, "", " ")
	if err != nil {
		return err
	}
	if err := durable.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	path := filepath.Join(dir, factsFile)
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, b) {
		return nil
	}
	return durable.WriteFile(path, b, 0o644)
}

// DefaultDir returns the folder where plugins of an application live if nothing else
// is said: below the data folder of the user.
func DefaultDir(app string) (string, error) {
	base, err := userData()
	if err != nil {
		return "", fmt.Errorf("installation folder of %s: %w", app, err)
	}
	return filepath.Join(base, app, "plugins"), nil
}

// StoreDir returns the installation folder of an application in a store that applications
// share; see Options.Store.
func StoreDir(store, app string) string { return install.PathIn(store, app) }

func userData() (string, error) {
	switch runtime.GOOS {
	case "windows":
		if d := os.Getenv("LocalAppData"); d != "" {
			return d, nil
		}
		return "", errors.New("LocalAppData is not set")
	case "darwin":
		home, err := os.UserHomeDir()
		return filepath.Join(home, "Library", "Application Support"), err
	}
	if d := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(d) {
		return d, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "share"), err
}

// EnvCache is the environment variable that names the folder for index documents; "off"
// keeps none.
const EnvCache = "PLUGSTEAD_CACHE"

// DefaultCache returns the folder in which index documents are kept for all applications
// of this user: that of [EnvCache], otherwise $XDG_CACHE_HOME/plugstead/index for example.
// It returns "" if none are kept, because of "off" or because the user has no folder for
// caches.
func DefaultCache() string {
	switch dir := os.Getenv(EnvCache); dir {
	case "":
	case "off":
		return ""
	default:
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "plugstead", "index")
}
