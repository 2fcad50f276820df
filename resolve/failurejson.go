package resolve

import (
	"encoding/json"
	"fmt"

	"github.com/plugstead/plugstead/manifest"
)

// FailureFormat is the value of the key "format" of a failure in JSON.
const FailureFormat = "resolve-failure/1"

// failureJSON is the form of a Failure; see docs/spec/resolve-failure.md.
type failureJSON struct {
	Format      string       `json:"format"`
	Kind        Kind         `json:"kind"`
	Plugin      manifest.ID  `json:"plugin"`
	Lead        string       `json:"lead"`
	Facts       []string     `json:"facts"`
	Left        int          `json:"factsLeft,omitempty"`
	Plugins     []Known      `json:"plugins"`
	Nodes       []Node       `json:"nodes"`
	Suggestions []Suggestion `json:"suggestions"`
	Searched    Stats        `json:"searched"`
}

// MarshalJSON implements json.Marshaler.
func (f *Failure) MarshalJSON() ([]byte, error) {
	j := failureJSON{FailureFormat, f.Kind, f.ID, f.Lead, f.Facts, f.Left, f.Plugins, f.Nodes, f.Suggestions, f.Searched}
	if j.Suggestions == nil {
		j.Suggestions = []Suggestion{}
	}
	return json.Marshal(j)
}

// UnmarshalJSON implements json.Unmarshaler. It does not check the proof.
func (f *Failure) UnmarshalJSON(b []byte) error {
	var j failureJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	if j.Format != FailureFormat {
		return fmt.Errorf("failure of format %.40q, want %s", j.Format, FailureFormat)
	}
	*f = Failure{Kind: j.Kind, ID: j.Plugin, Lead: j.Lead, Facts: j.Facts, Left: j.Left, Plugins: j.Plugins, Nodes: j.Nodes, Suggestions: j.Suggestions, Searched: j.Searched}
	return nil
}
