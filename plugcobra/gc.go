package plugcobra

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/update"
)

func (u user) gc() *cobra.Command {
	var o install.CollectOptions
	var grace string
	c := &cobra.Command{
		Use: "gc", Short: "Remove old installed sets and files that nothing needs any more",
		Long: "Remove old generations and the files that no other one needs. The active one stays, those that a running application uses, the newest ones, and what is young. Of the private folders go those that only old generations had.\n\n" +
			"Effect: removes what is not used any more.",
		Args: cmdline.Args(cobra.NoArgs),
		RunE: u.with(func(c *cobra.Command, _ []string, h *plugstead.Host) (cmdline.Outcome, error) {
			var err error
			if o.Grace, err = parseAge(grace); err != nil {
				return cmdline.Outcome{}, cmdline.New("E0001", c.CommandPath()+" --help", "--grace %q: want a number with its unit, for example 7d, 12h or 0s", grace)
			}
			if o.Keep < 0 {
				return cmdline.Outcome{}, cmdline.New("E0001", c.CommandPath()+" --help", "--keep %d: want 0 or more", o.Keep)
			}
			ask := o
			ask.Keep, ask.Grace = none(o.Keep), none(o.Grace)
			done, err := h.Collect(c.Context(), ask)
			if err != nil {
				return cmdline.Outcome{}, err
			}
			return collected(done, o.DryRun), nil
		}),
	}
	cmdline.Examples(c, "--dry-run", "--keep 2", "--keep 0 --grace 0s")
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "show what would go and remove nothing")
	c.Flags().IntVar(&o.Keep, "keep", install.DefaultKeep, "how many generations stay besides the active one")
	c.Flags().StringVar(&grace, "grace", "24h", "keep what is younger, for example 7d or 0s")
	return c
}

// none says what 0 means to who leaves 0 for the default.
func none[T int | time.Duration](n T) T {
	if n == 0 {
		return -1
	}
	return n
}

func collected(x *update.Collected, dry bool) cmdline.Outcome {
	verb := "removed"
	if dry {
		verb = "would remove"
	}
	n := len(x.Generations) + len(x.Trees) + len(x.Data) + x.Blobs
	return cmdline.Outcome{Changed: n > 0 && !dry, Result: x, Text: func(w io.Writer) {
		data := ""
		if len(x.Data) > 0 {
			data = fmt.Sprintf(", %d private folders", len(x.Data))
		}
		fmt.Fprintf(w, "%s %d generations, %d unpacked plugins, %d stored blobs%s: %s\n", verb, len(x.Generations), len(x.Trees), x.Blobs, data, bytesText(x.Bytes+x.BlobBytes))
	}}
}

// bytesText writes a number of bytes for people, in units of 1024.
func bytesText(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	x, unit := float64(n), -1
	for x >= 1<<10 && unit < 3 {
		x /= 1 << 10
		unit++
	}
	return fmt.Sprintf("%.1f %s", x, [...]string{"KiB", "MiB", "GiB", "TiB"}[unit])
}
