package plugcobra

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	os.Setenv("XDG_CACHE_HOME", "none") // not absolute: no test leaves documents with the user
	os.Exit(m.Run())
}
