package update

import (
	"encoding/json"
	"fmt"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/internal/strictjson"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
)

// PlanFormat is the value of the key "format" of a plan in JSON.
const PlanFormat = "plugstead-plan/1"

// maxPlan is the size of a plan in JSON in bytes.
const maxPlan = resolve.MaxLock + 4<<20

// planJSON is the form of a Plan; see docs/spec/plan.md.
type planJSON struct {
	Format string `json:"format"`
	App    string `json:"app"`
	Base   int    `json:"base"` // generation that the plan starts from
	Why    string `json:"why"`
	Lines  []Line `json:"lines"`
	Lock   string `json:"lock"`               // the text of the lock after the change
	File   string `json:"lockFile,omitempty"` // to write it to

	Configs []install.Config `json:"configs,omitempty"` // that plugins get
}

// MarshalJSON implements json.Marshaler.
func (p *Plan) MarshalJSON() ([]byte, error) {
	return json.Marshal(planJSON{PlanFormat, p.Lock.App, p.base.Number, p.why, append([]Line{}, p.Lines...), string(p.Lock.Text()), p.lockFile, p.configs})
}

// ReadPlan reads what MarshalJSON of a plan wrote, for the set that is installed now:
// it returns [ErrStale] if that has changed since. Nothing is solved; what the plan
// shows is worked out anew.
func (u *Updater) ReadPlan(b []byte) (*Plan, error) {
	var j planJSON
	if err := strictjson.Unmarshal(b, &j, strictjson.Limits{Size: maxPlan, Depth: 16}); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	if j.Format != PlanFormat {
		return nil, fmt.Errorf("plan of format %.40q, want %s", j.Format, PlanFormat)
	}
	l, err := resolve.ParseLock([]byte(j.Lock))
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	g, err := u.Dir.Active()
	if err != nil {
		return nil, err
	}
	if g.Number != j.Base {
		return nil, fmt.Errorf("plan: %w: it was generation %d and is %d", ErrStale, j.Base, g.Number)
	}
	p := &Plan{base: g, why: j.Why, whole: u.Dir.HasTree, Requests: l.Requests, lockFile: j.File}
	if err := u.frozen(p, l); err != nil {
		return nil, err
	}
	configs := map[manifest.ID]string{}
	for _, c := range j.Configs {
		configs[c.ID] = c.Text
	}
	if err := p.configure(Change{Config: configs}); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	p.platforms = !containsAll(g.Lock.Platforms, l.Platforms)
	return p, u.finish(p)
}
