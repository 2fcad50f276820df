package cli

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead/internal/cmdline"
)

// questions asks what no flag has said. Questions go to standard error: standard output is
// for results.
type questions struct {
	c   *cobra.Command
	yes bool // take the defaults
	in  *bufio.Reader
	err error // of the first question that could not be asked
}

// maxAnswer is how long an answer may be, in bytes.
const maxAnswer = 1000

// ask returns what a flag says, or else an answer, or else what is usual.
func (q *questions) ask(flag, what, usual string) string {
	switch {
	case flag != "":
		return flag
	case q.yes || q.err != nil:
		return usual
	case cmdline.FormOf(q.c) != cmdline.Text:
		q.err = usage(q.c, "--json asks nothing: give --yes, or a flag for %s", what)
		return usual
	}
	if q.in == nil {
		q.in = bufio.NewReaderSize(q.c.InOrStdin(), maxAnswer)
	}
	if usual != "" {
		fmt.Fprintf(q.c.ErrOrStderr(), "%s [%s]: ", what, usual)
	} else {
		fmt.Fprintf(q.c.ErrOrStderr(), "%s: ", what)
	}
	line, err := q.in.ReadSlice('\n')
	if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
		q.err = cmdline.New("E0001", q.c.CommandPath()+" --yes", "no answer to: %s", what)
		return usual
	}
	return cmp.Or(strings.TrimSpace(string(line)), usual)
}
