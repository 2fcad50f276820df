package memory_test

import (
	"testing"

	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/memory"
	"github.com/plugstead/plugstead/registry/registrytest"
)

func open(*testing.T) registry.Backend { return memory.New() }

func TestBackend(t *testing.T) { registrytest.Run(t, open) }

func TestConformance(t *testing.T) { registrytest.Conformance(t, open) }
