package install

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/strictjson"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
)

// Errors of this step.
var (
	ErrNoGeneration = errors.New("no such generation")
	ErrBroken       = errors.New("installation is damaged")
)

const (
	format        = "plugstead.generation/1"
	maxGeneration = 64 << 20
	maxNumber     = 99_999_999 // what the name of a file holds
)

// Record is one installed plugin.
type Record struct {
	ID       manifest.ID        `json:"id"`
	Manifest *manifest.Manifest `json:"manifest"`
	Runtime  string             `json:"runtime"`
	Platform manifest.Platform  `json:"platform"`
	Payload  artifact.Digest    `json:"payload"`
	Data     Data               `json:"data,omitzero"`
	Tree     string             `json:"-"` // absolute path of the unpacked payload
}

// Generation is one installed set. It is never changed once it is made.
type Generation struct {
	Number int       `json:"number"` // from 1; 0: nothing was ever installed
	Made   time.Time `json:"made"`
	Why    string    `json:"why"`            // what was done, in words
	From   int       `json:"from,omitempty"` // the generation this one repeats
	// Auto says that nobody asked for it: a host went back to From by itself, or held back
	// a release that it did not install. A rollback looks for what was before From.
	Auto    bool         `json:"auto,omitempty"`
	Lock    resolve.Lock `json:"lock"`
	Records []Record     `json:"records"` // in start order
	Held    []Held       `json:"held,omitempty"`
	// Disabled are the installed plugins that are not started, sorted.
	Disabled []manifest.ID `json:"disabled,omitempty"`
	// Configs are the configurations that operators gave, sorted by id.
	Configs []Config `json:"configs,omitempty"`
	// Overrides are the plugin folders that run in place of installed plugins, sorted by id.
	Overrides []Override `json:"overrides,omitempty"`
	// Left is the private data of plugins that are not installed any more, by id.
	Left []Left `json:"left,omitempty"`
}

// Find returns the record of a plugin.
func (g *Generation) Find(id manifest.ID) (Record, bool) {
	i := slices.IndexFunc(g.Records, func(r Record) bool { return r.ID == id })
	if i < 0 {
		return Record{}, false
	}
	return g.Records[i], true
}

type generationFile struct {
	Format string `json:"format"`
	*Generation
}

func (d *Dir) generationPath(n int) string {
	return filepath.Join(d.path, "generations", fmt.Sprintf("%08d.json", n))
}

// numbers lists the generations that have a file, ascending.
func (d *Dir) numbers() ([]int, error) {
	entries, err := os.ReadDir(filepath.Join(d.path, "generations"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []int
	for _, e := range entries {
		n, err := strconv.Atoi(strings.TrimSuffix(e.Name(), ".json"))
		if err == nil && n > 0 && n <= maxNumber && e.Name() == filepath.Base(d.generationPath(n)) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

// Generation reads one generation. It returns [ErrNoGeneration] if there is none of
// that number and [ErrBroken] if its file is damaged.
func (d *Dir) Generation(n int) (*Generation, error) {
	st, err := os.Stat(d.generationPath(n))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("generation %d: %w", n, ErrNoGeneration)
	}
	if err == nil && (!st.Mode().IsRegular() || st.Size() > maxGeneration) {
		return nil, fmt.Errorf("generation %d: %w: no file of at most %d bytes", n, ErrBroken, maxGeneration)
	}
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(d.generationPath(n))
	if err != nil {
		return nil, err
	}
	f := generationFile{Generation: new(Generation)}
	if err := strictjson.Unmarshal(b, &f, strictjson.Limits{Size: maxGeneration, Depth: 64, AllowUnknown: true}); err != nil {
		return nil, fmt.Errorf("generation %d: %w: %w", n, ErrBroken, err)
	}
	if f.Format != format || f.Number != n {
		return nil, fmt.Errorf("generation %d: %w: format %.40q, number %d", n, ErrBroken, f.Format, f.Number)
	}
	for i := range f.Records {
		r := &f.Records[i]
		if _, err := artifact.ParseDigest(string(r.Payload)); err != nil || r.Manifest == nil || !r.Data.valid(n) {
			return nil, fmt.Errorf("generation %d: %w: record of %.200q", n, ErrBroken, r.ID)
		}
		r.Tree = d.treePath(r.Payload)
	}
	if !validConfigs(f.Configs) || !validOverrides(f.Overrides) {
		return nil, fmt.Errorf("generation %d: %w: overrides", n, ErrBroken)
	}
	for _, l := range f.Left {
		if _, err := manifest.ParseID(string(l.ID)); err != nil || !l.Data.valid(n) {
			return nil, fmt.Errorf("generation %d: %w: data of %.200q", n, ErrBroken, l.ID)
		}
	}
	return f.Generation, nil
}

// Active returns the installed set. If nothing was ever installed it is an empty
// generation with number 0. Active takes no lock, touches no network and hashes
// nothing.
func (d *Dir) Active() (*Generation, error) {
	numbers, err := d.numbers()
	if err != nil {
		return nil, err
	}
	var broken error
	for _, n := range slices.Backward(numbers) {
		g, err := d.Generation(n)
		if err == nil {
			return g, nil
		}
		if !errors.Is(err, ErrBroken) && !errors.Is(err, ErrNoGeneration) { // a link that leads nowhere
			return nil, err
		}
		broken = errors.Join(broken, err)
	}
	if broken != nil {
		return nil, broken
	}
	return &Generation{Lock: resolve.Lock{Requests: []resolve.Wish{}, Plugins: []resolve.Locked{}}, Records: []Record{}}, nil
}

// History lists the valid generations, the newest first.
func (d *Dir) History() ([]*Generation, error) {
	numbers, err := d.numbers()
	if err != nil {
		return nil, err
	}
	var out []*Generation
	for _, n := range slices.Backward(numbers) {
		g, err := d.Generation(n)
		if errors.Is(err, ErrBroken) || errors.Is(err, ErrNoGeneration) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, nil
}

// next returns the number of the generation after all others.
func (d *Dir) next() (int, error) {
	numbers, err := d.numbers()
	if err != nil || len(numbers) == 0 {
		return 1, err
	}
	return numbers[len(numbers)-1] + 1, nil
}

// write makes g the generation after all others.
func (d *Dir) write(g *Generation) (err error) {
	if g.Number, err = d.next(); err != nil {
		return err
	}
	if g.Number > maxNumber {
		return fmt.Errorf("generation %d: %w: there are no more numbers", g.Number, ErrBroken)
	}
	b, err := json.MarshalIndent(generationFile{format, g}, "", " ")
	if err != nil {
		return err
	}
	return durable.Create(d.generationPath(g.Number), append(b, '\n'), 0o644)
}
