package supervise

import "github.com/plugstead/plugstead/load"

// PID returns the number of the process that p runs in now, for a debugger. It is 0 if p does
// not run, or is no process of its own. The next instance has another one.
func (p *Plugin) PID() int {
	if r := p.cur.Load(); r != nil {
		if x, ok := r.in.(load.Process); ok {
			return x.PID()
		}
	}
	return 0
}
