package memory_test

import (
	"testing"

	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/memory"
	"github.com/plugstead/plugstead/registry/registrytest"
)

func TestBackend(t *testing.T) {
	registrytest.Run(t, func(*testing.T) registry.Backend { return memory.New() })
}
