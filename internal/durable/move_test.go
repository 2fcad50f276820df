package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/plugstead/plugstead/internal/durable"
)

func TestMove(t *testing.T) {
	for name, move := range map[string]func(from, to string) error{"synced": durable.MoveFile, "cache": durable.MoveCache} {
		dir := t.TempDir()
		from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
		for _, content := range []string{"first", "second"} {
			if err := os.WriteFile(from, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := move(from, to); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if b, err := os.ReadFile(to); err != nil || string(b) != content {
				t.Errorf("%s: %q, %v", name, b, err)
			}
		}
		if err := move(from, to); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: moved what is not there: %v", name, err)
		}
		if b, err := os.ReadFile(to); err != nil || string(b) != "second" {
			t.Errorf("%s: a failed move left %q, %v", name, b, err)
		}
		if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
			t.Errorf("%s: left %v, %v", name, list, err)
		}
	}
}
