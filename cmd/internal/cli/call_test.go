package cli

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead/contract"
)

func TestStartHint(t *testing.T) {
	root, c := &cobra.Command{Use: "plugstead"}, &cobra.Command{Use: "call"}
	root.AddCommand(c)
	for want, err := range map[string]error{
		"plugstead install acme/a":            fs.ErrNotExist,
		"owns the installation folder":        fs.ErrPermission,
		"look at what the plugin wrote above": errors.New("exit status 1"),
	} {
		if got := startHint(c, "acme/a", fmt.Errorf("start: %w", err)); !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

func TestAnswer(t *testing.T) {
	for in, want := range map[string]string{
		"a164746578746161": `{"text":"a"}`, // {"text": "a"}
		"a10102":           `{"1":2}`,      // {1: 2}
		"8101":             `[1]`,
		"f6":               `null`,
		"f97e00":           "", // NaN
		"81f97c00":         "", // [Infinity]
		"a1":               "", // cut off
	} {
		b, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		v, err := answer(contract.Raw{Bytes: b})
		if want == "" {
			if err == nil {
				t.Errorf("%s: got %v", in, v)
			}
			continue
		}
		if got, jerr := json.Marshal(v); err != nil || jerr != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", in, got, err, want)
		}
	}
}
