package mem_test

import (
	"testing"

	"github.com/plugstead/plugstead/store"
	"github.com/plugstead/plugstead/store/mem"
	"github.com/plugstead/plugstead/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return new(mem.Store) })
}
