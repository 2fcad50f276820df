package index

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// Limits of one document, enforced by writers and readers.
const (
	MaxDocument = 8 << 20 // bytes, decoded
	MaxReleases = 5000
	maxLine     = 64 << 10
)

// Version of the document format.
const Version = 1

// ErrDocument says that a document breaks the format.
var ErrDocument = errors.New("bad index document")

// ErrMismatch says that an artifact is not what its record says.
var ErrMismatch = errors.New("artifact does not match its index record")

// Header is the first line of a document: what is said of the plugin as a whole.
type Header struct {
	V        int         `json:"v"`
	ID       manifest.ID `json:"id"`
	Summary  string      `json:"summary,omitempty"`
	License  string      `json:"license,omitempty"`
	Keywords []string    `json:"keywords,omitempty"`
	// Providers are plugins that offer this name, sorted, at most [MaxProviders]. A
	// document may have providers and no releases: then nobody has published a plugin
	// of this name itself.
	Providers []manifest.ID `json:"providers,omitempty"`
	// Deprecated says that nobody should begin to use the plugin.
	Deprecated *Deprecation `json:"deprecated,omitempty"`
	// Channels are names of releases that move, sorted by name.
	Channels []Channel `json:"channels,omitempty"`
}

// Deprecation is advice of the owner of a plugin.
type Deprecation struct {
	Message     string      `json:"message,omitempty"`
	Replacement manifest.ID `json:"replacement,omitempty"`
}

// Channel is a name that stands for one release, another one from time to time.
type Channel struct {
	Name    string          `json:"name"`
	Version version.Version `json:"version"`
}

// Channel returns the release that a channel of p stands for.
func (p *Plugin) Channel(name string) (*Release, bool) {
	for _, c := range p.Channels {
		if c.Name == name {
			return p.Find(c.Version)
		}
	}
	return nil, false
}

// State is the changing part of a release line.
type State struct {
	Yanked  *Yank `json:"yanked,omitempty"`
	Blocked *Yank `json:"blocked,omitempty"` // unsafe: chosen by nobody, not even if installed
	Removed *Yank `json:"removed,omitempty"` // its bytes are gone; it is blocked, too
}

// Yank withdraws a release: it stays for those who locked it and is chosen by
// nobody else.
type Yank struct {
	Reason string `json:"reason,omitempty"`
}

// Release is one release line.
type Release struct {
	Record
	State State
	// Raw is the record, byte for byte as it was published. It is nil in what [ReadCompiled]
	// returns, and so in documents that a fetch.Index has kept.
	Raw json.RawMessage
}

// Plugin is a document.
type Plugin struct {
	Header
	Releases []Release       // in the order of publication
	Document artifact.Digest // of the bytes it was read from
}

// Find returns the release of a version.
func (p *Plugin) Find(v version.Version) (*Release, bool) {
	for i := range p.Releases {
		if p.Releases[i].Version == v {
			return &p.Releases[i], true
		}
	}
	return nil, false
}

// withdrawn reports whether r is yanked or blocked.
func (r *Release) withdrawn() bool { return r.State.Yanked != nil || r.State.Blocked != nil }

// Latest returns the newest release that is neither withdrawn (yanked or blocked) nor a
// pre-release; if there is none, the newest that is not withdrawn.
func (p *Plugin) Latest() (*Release, bool) {
	var best *Release
	for i := range p.Releases {
		r := &p.Releases[i]
		if !r.withdrawn() && (best == nil || newer(r.Version, best.Version)) {
			best = r
		}
	}
	return best, best != nil
}

func newer(a, b version.Version) bool {
	if (a.Pre == "") != (b.Pre == "") {
		return a.Pre == ""
	}
	return a.Compare(b) > 0
}

// NewRelease makes a release of a record, whose bytes it fixes.
func NewRelease(r Record) (Release, error) {
	raw, err := r.JSON()
	return Release{Record: r, Raw: raw}, err
}

// Bytes writes the document: the header, then the releases with the bytes of
// their records as they are. It fails with [ErrDocument] beyond the limits, and without records.
func (p *Plugin) Bytes() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := p.Header.encode(&b); err != nil {
		return nil, err
	}
	for _, r := range p.Releases {
		start := b.Len()
		if r.Raw == nil {
			return nil, fmt.Errorf("%w: %s %s without the bytes of its record", ErrDocument, p.ID, r.Version)
		}
		// Written by hand because Encode would compact and escape raw bytes.
		b.WriteString(`{"r":`)
		b.Write(r.Raw)
		b.WriteString(`,"s":`)
		if err := e.Encode(r.State); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1)
		b.WriteString("}\n")
		if n := b.Len() - start; n > maxLine {
			return nil, fmt.Errorf("%w: %s %s takes %d bytes, more than the limit of %d", ErrDocument, p.ID, r.Version, n, maxLine)
		}
	}
	if b.Len() > MaxDocument || len(p.Releases) > MaxReleases {
		return nil, fmt.Errorf("%w: %s has %d bytes and %d releases, limits are %d and %d", ErrDocument, p.ID, b.Len(), len(p.Releases), MaxDocument, MaxReleases)
	}
	return b.Bytes(), nil
}

// Parse reads the document of id. Fields it does not know are ignored, because a
// newer registry may add some; duplicate keys, keys that differ only in case and
// anything beyond the limits are refused. Releases that need the same of their hosts
// share one map, which nobody changes. Errors wrap [ErrDocument].
func Parse(id manifest.ID, b []byte) (*Plugin, error) {
	p := &Plugin{Document: artifact.DigestOf(b)}
	if err := p.parse(id, b); err != nil {
		return nil, fmt.Errorf("%w of %s: %w", ErrDocument, id, err)
	}
	return p, nil
}

func (p *Plugin) parse(id manifest.ID, b []byte) error {
	if len(b) > MaxDocument {
		return fmt.Errorf("%d bytes, more than the limit of %d", len(b), MaxDocument)
	}
	if len(b) == 0 || b[len(b)-1] != '\n' {
		return errors.New("the last line is cut off")
	}
	most := min(bytes.Count(b, []byte("\n"))-1, MaxReleases)
	r := reader{seen: make(map[version.Version]bool, most)}
	if most > 0 {
		p.Releases = make([]Release, 0, most)
	}
	n := 0
	for l := range bytes.Lines(b) {
		n++
		if len(l) > maxLine {
			return fmt.Errorf("line %d: %d bytes, more than the limit of %d", n, len(l), maxLine)
		}
		var err error
		if n == 1 {
			err = p.parseHeader(&r, id, l)
		} else {
			err = p.parseRelease(&r, id, l)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return nil
}

// reader is what is remembered from line to line.
type reader struct {
	decoder
	names accepted
	seen  map[version.Version]bool
}

func (p *Plugin) parseHeader(d *reader, id manifest.ID, l []byte) (err error) {
	if p.Header, err = d.header(l); err != nil {
		return err
	}
	if p.V != Version {
		return fmt.Errorf("format version %d, this program reads %d", p.V, Version)
	}
	if p.ID != id {
		return fmt.Errorf("document of %.200q", p.ID)
	}
	return p.Header.check()
}

func (p *Plugin) parseRelease(d *reader, id manifest.ID, l []byte) error {
	if len(p.Releases) >= MaxReleases {
		return fmt.Errorf("more than %d releases", MaxReleases)
	}
	p.Releases = append(p.Releases, Release{})
	r := &p.Releases[len(p.Releases)-1]
	if err := d.release(l, r); err != nil {
		return err
	}
	if r.Raw == nil {
		return errors.New("no record")
	}
	if err := r.check(id, &d.names); err != nil {
		return err
	}
	if d.seen[r.Version] {
		return fmt.Errorf("version %s twice", r.Version)
	}
	d.seen[r.Version] = true
	return nil
}
