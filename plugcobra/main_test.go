package plugcobra_test

import (
	"os"
	"testing"

	"github.com/plugstead/plugstead"
)

func TestMain(m *testing.M) {
	os.Setenv(plugstead.EnvCache, "off") // no test leaves documents with the user
	os.Exit(m.Run())
}
