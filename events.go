package plugstead

import (
	"github.com/plugstead/plugstead/supervise"
	"github.com/plugstead/plugstead/update"
)

// changed passes on what happens to running plugins.
func (h *Host) changed(c supervise.Change) {
	h.up.Observe(c)
	if f := h.o.Events.Supervise.Changed; f != nil {
		f(c)
	}
}

// events are those of the options, with what nobody may miss in the log.
func (h *Host) events() update.Events {
	e := h.o.Events.Update
	e.Returned = func(r update.Returned) {
		if r.Err != nil {
			h.o.Log.Error("plugins cannot go back to the set before", "generation", r.From, "why", r.Why, "err", r.Err)
		} else {
			h.o.Log.Error("plugins went back to the set before", "from", r.From, "generation", r.To, "like", r.Like, "why", r.Why)
		}
		if f := h.o.Events.Update.Returned; f != nil {
			f(r)
		}
	}
	return e
}
