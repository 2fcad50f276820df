package plugcobra

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/plugstead/plugstead/internal/cmdline"
)

// table writes rows under a head, if there is one, in columns. Every row has a cell for
// every column: one that ends early would end the columns of the rows around it.
func table(w io.Writer, head string, rows func(add func(cells ...any))) {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if head != "" {
		fmt.Fprintln(t, head)
	}
	rows(func(cells ...any) {
		line := make([]string, len(cells))
		for i, x := range cells {
			line[i] = cmdline.Line(fmt.Sprint(x))
		}
		fmt.Fprintln(t, strings.Join(line, "\t"))
	})
	t.Flush()
	for line := range strings.Lines(b.String()) {
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
}
