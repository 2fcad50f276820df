package supervise

import "github.com/plugstead/plugstead/load"

// Confinement says what the instance of p that runs now is deprived of. It is empty if p does
// not run, or its runtime has no words for it: WebAssembly reaches nothing by itself, and what
// is linked into the program has all its rights.
func (p *Plugin) Confinement() load.Confinement {
	if r := p.cur.Load(); r != nil {
		if x, ok := r.in.(load.Confined); ok {
			return x.Confinement()
		}
	}
	return load.Confinement{}
}
