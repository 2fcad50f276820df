package plugstead

import (
	"log/slog"
	"sync"

	"github.com/plugstead/plugstead/config"
	"github.com/plugstead/plugstead/manifest"
)

// redactors has one for each plugin: a plugin that takes new secrets while it runs goes on
// with the log that it was started with. The zero value is ready.
type redactors struct {
	mu   sync.Mutex
	byID map[manifest.ID]*config.Redactor
}

func (x *redactors) of(id manifest.ID) *config.Redactor {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.byID[id] == nil {
		if x.byID == nil {
			x.byID = map[manifest.ID]*config.Redactor{}
		}
		x.byID[id] = new(config.Redactor)
	}
	return x.byID[id]
}

// log returns the log of a plugin that has secrets.
func (h *Host) log(id manifest.ID, secrets []string) *slog.Logger {
	r := h.secrets.of(id)
	r.Learn(secrets...)
	return slog.New(r.Handler(h.o.Log.Handler())).With("plugin", string(id))
}
