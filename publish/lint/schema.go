package lint

import (
	"encoding/json"
	"fmt"

	"github.com/plugstead/plugstead/artifact"
)

// CheckSchema says why b is no schema of a configuration: it is not one JSON object, or more
// than artifact.MaxDocument bytes.
func CheckSchema(b []byte) error {
	if len(b) > artifact.MaxDocument {
		return fmt.Errorf("more than the limit of %d bytes", artifact.MaxDocument)
	}
	var x map[string]any
	if err := json.Unmarshal(b, &x); err != nil {
		return fmt.Errorf("not a JSON schema: %w", err)
	}
	if x == nil { // null
		return fmt.Errorf("not a JSON schema: want an object")
	}
	return nil
}
