package cmdline

import (
	"fmt"

	"github.com/spf13/cobra"
)

// Form is the form in which a command shows its result.
type Form string

// The forms of a result, as values of --json.
const (
	Text   Form = "false"  // words for people
	JSON   Form = "true"   // one JSON document
	Events Form = "events" // JSON documents, one a line; the last is the result
)

// Set implements pflag.Value.
func (f *Form) Set(s string) error {
	switch s {
	case "true", "1", "t", "T", "TRUE", "True": // what a flag that is only on or off takes
		*f = JSON
	case "false", "0", "f", "F", "FALSE", "False":
		*f = Text
	case string(Events):
		*f = Events
	default:
		return fmt.Errorf("want nothing or %s", Events)
	}
	return nil
}

// String implements pflag.Value.
func (f *Form) String() string { return string(*f) }

// Type implements pflag.Value: what help shows behind the name of the flag.
func (f *Form) Type() string { return "form" }

// JSONFlag adds --json to a command and those below it.
func JSONFlag(c *cobra.Command) {
	f := Text
	c.PersistentFlags().VarPF(&f, "json", "", `print one JSON document, or with --json=events one for each step, one a line`).NoOptDefVal = string(JSON)
}

// FormOf returns the form that a user wants from c. A command below an application whose
// own --json is only on or off follows that.
func FormOf(c *cobra.Command) Form {
	f := Text
	if flag := c.Flags().Lookup("json"); flag == nil || f.Set(flag.Value.String()) != nil {
		return Text
	}
	return f
}

// Emit prints one JSON document on one line.
func Emit(c *cobra.Command, document any) error {
	return WriteJSON(c.OutOrStdout(), document, "")
}
