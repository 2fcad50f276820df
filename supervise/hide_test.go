package supervise_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/supervise"
)

// TestErrorsAreHidden: no error that an instance gives about itself is told as it is.
func TestErrorsAreHidden(t *testing.T) {
	leak := errors.New("login with hunter22 refused")
	d := &scripted{make: func(load.Image) (*actor, error) {
		return &actor{
			take: func(json.RawMessage) error { return leak },
			stop: func() error { return leak },
		}, nil
	}}
	var told []error
	s := supervise.New([]load.Driver{d}, func(load.Image) (load.Spec, error) {
		return load.Spec{Hide: func(err error) error {
			return errors.New(strings.ReplaceAll(err.Error(), "hunter22", "*****"))
		}}, nil
	}, supervise.Policy{}, supervise.Events{Changed: func(c supervise.Change) { told = append(told, c.Err) }})
	if _, err := s.Put(t.Context(), image("a/a", "1.0.0")); err != nil {
		t.Fatal(err)
	}
	told = append(told, s.Reconfigure(t.Context(), "a/a"))
	if err := s.Restart(t.Context(), "a/a"); err != nil { // tells of the stop
		t.Fatal(err)
	}
	told = append(told, s.Close())
	n := 0
	for _, err := range told {
		if err == nil {
			continue
		}
		if n++; !strings.Contains(err.Error(), "*****") || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("told %q", err)
		}
	}
	if n != 3 {
		t.Errorf("%d errors, want 3: %v", n, told)
	}
}
