package cmdline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestTextSteersNoTerminal, whoever wrote it.
func TestTextSteersNoTerminal(t *testing.T) {
	var out bytes.Buffer
	c := &cobra.Command{}
	c.SetOut(&out)
	err := Run(func(*cobra.Command, []string) (Outcome, error) {
		return Outcome{Text: func(w io.Writer) {
			n, err := fmt.Fprintf(w, "red \x1b[31m and \u009b31m and \u202e and é\nnext\xff\n")
			if n != len("red \x1b[31m and \u009b31m and \u202e and é\nnext\xff\n") || err != nil {
				t.Error(n, err)
			}
		}}, nil
	})(c, nil)
	if err != nil || out.String() != "red  [31m and  31m and   and é\nnext\uFFFD\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

// TestWriteJSON escapes what cannot be seen and loses nothing.
func TestWriteJSON(t *testing.T) {
	v := map[string]any{"a": "\x1b[31m \u009b \u202e \U000e0041 <é>\n\t\u2028", "k\u009b": []any{"\x7f", 1.5, nil}}
	for _, indent := range []string{"", "  "} {
		var b strings.Builder
		if err := WriteJSON(&b, v, indent); err != nil {
			t.Fatal(err)
		}
		var back map[string]any
		if err := json.Unmarshal([]byte(b.String()), &back); err != nil || !reflect.DeepEqual(back, v) || Printable(b.String()) != b.String() || !strings.Contains(b.String(), "<é>") {
			t.Errorf("%q, %v", b.String(), err)
		}
	}
}
