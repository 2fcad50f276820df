package index

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// The keys of each object, in the order in which they are written.
var (
	headerKeys   = []string{"v", "id", "summary", "license", "keywords", "providers", "deprecated", "channels"}
	lineKeys     = []string{"r", "s"}
	stateKeys    = []string{"yanked", "blocked", "removed"}
	adviceKeys   = []string{"message", "replacement"}
	channelKeys  = []string{"name", "version"}
	yankKeys     = []string{"reason"}
	recordKeys   = []string{"id", "version", "provides", "host", "requires", "any_of", "conflicts", "offers", "capabilities", "state", "digest", "size", "time", "packages"}
	pointKeys    = []string{"id", "major", "minor"}
	needKeys     = []string{"id", "range", "optional", "init"}
	offerKeys    = []string{"id", "version"}
	packageKeys  = []string{"runtime", "platform", "manifest", "payload"}
	platformKeys = []string{"os", "architecture"}
	refKeys      = []string{"digest", "size"}
)

// maxRanges is how many ranges a decoder remembers.
const maxRanges = 256

// decoder reads the lines of one document. A registry sends thousands of lines to who
// makes a lock, so it is written by hand: what it accepts and returns is exactly what
// strictjson does with the same types, which the tests hold it to. Null leaves a field
// zero.
type decoder struct {
	scanner
	ranges map[string]version.Range // by text: releases of a plugin need much the same

	lastHost   string // the text of lastRanges
	lastRanges map[string]version.Range

	scratch struct {
		strings      []string
		ids          []manifest.ID
		channels     []Channel
		points       []manifest.PointRef
		needs        []manifest.Need
		choices      [][]manifest.Need
		offers       []manifest.Offer
		capabilities []manifest.Capability
		packages     []Package
	}
}

func (d *decoder) begin(l []byte) {
	if len(l) > maxLine {
		d.scanner = scanner{}
		d.fail("%d bytes, more than the limit of %d", len(l), maxLine)
		return
	}
	d.scanner = scanner{text: string(l)}
	if !utf8.ValidString(d.text) {
		d.fail("not UTF-8")
	}
}

// header reads a line that is a header.
func (d *decoder) header(l []byte) (h Header, err error) {
	d.begin(l)
	if !d.open('{', "an object") {
		return h, d.end()
	}
	for o := (object{names: headerKeys}); d.next(&o); {
		switch o.key {
		case "v":
			h.V = d.int()
		case "id":
			h.ID = manifest.ID(d.string())
		case "summary":
			h.Summary = d.string()
		case "license":
			h.License = d.string()
		case "keywords":
			h.Keywords = list(d, &d.scratch.strings, readString[string])
		case "providers":
			h.Providers = list(d, &d.scratch.ids, readString[manifest.ID])
		case "deprecated":
			h.Deprecated = d.deprecation()
		case "channels":
			h.Channels = list(d, &d.scratch.channels, (*decoder).channel)
		default:
			d.skip()
		}
	}
	return h, d.end()
}

// release reads a line that is a release into r, which is zero. Its parts share the
// memory of that line.
func (d *decoder) release(l []byte, r *Release) error {
	d.begin(l)
	if !d.open('{', "an object") {
		return d.end()
	}
	for o := (object{names: lineKeys}); d.next(&o); {
		switch o.key {
		case "r":
			d.peek()
			start := d.i
			d.record(&r.Record)
			r.Raw = json.RawMessage(d.text[start:d.i])
		case "s":
			d.state(&r.State)
		default:
			d.skip()
		}
	}
	return d.end()
}

func (d *decoder) state(s *State) {
	if !d.open('{', "an object") {
		return
	}
	for o := (object{names: stateKeys}); d.next(&o); {
		switch o.key {
		case "yanked":
			s.Yanked = d.yank()
		case "blocked":
			s.Blocked = d.yank()
		case "removed":
			s.Removed = d.yank()
		default:
			d.skip()
		}
	}
}

func (d *decoder) deprecation() *Deprecation {
	if !d.open('{', "an object") {
		return nil
	}
	x := new(Deprecation)
	for o := (object{names: adviceKeys}); d.next(&o); {
		switch o.key {
		case "message":
			x.Message = d.string()
		case "replacement":
			x.Replacement = manifest.ID(d.string())
		default:
			d.skip()
		}
	}
	return x
}

func (d *decoder) channel(c *Channel) {
	if !d.open('{', "an object") {
		return
	}
	for o := (object{names: channelKeys}); d.next(&o); {
		switch o.key {
		case "name":
			c.Name = d.string()
		case "version":
			c.Version = d.version()
		default:
			d.skip()
		}
	}
}

func (d *decoder) yank() *Yank {
	if !d.open('{', "an object") {
		return nil
	}
	y := new(Yank)
	for o := (object{names: yankKeys}); d.next(&o); {
		switch o.key {
		case "reason":
			y.Reason = d.string()
		default:
			d.skip()
		}
	}
	return y
}

func (d *decoder) record(r *Record) {
	if !d.open('{', "an object") {
		return
	}
	for o := (object{names: recordKeys}); d.next(&o); {
		switch o.key {
		case "id":
			r.ID = manifest.ID(d.string())
		case "version":
			r.Version = d.version()
		case "provides":
			r.Provides = list(d, &d.scratch.points, (*decoder).point)
		case "host":
			r.Host = d.host()
		case "requires":
			r.Requires = list(d, &d.scratch.needs, (*decoder).need)
		case "any_of":
			r.AnyOf = list(d, &d.scratch.choices, (*decoder).choice)
		case "conflicts":
			r.Conflicts = list(d, &d.scratch.needs, (*decoder).need)
		case "offers":
			r.Offers = list(d, &d.scratch.offers, (*decoder).offer)
		case "capabilities":
			r.Capabilities = list(d, &d.scratch.capabilities, readString[manifest.Capability])
		case "state":
			r.Facts.State = d.int()
		case "digest":
			r.Digest = artifact.Digest(d.string())
		case "size":
			r.Size = d.integer(64)
		case "time":
			r.Time = d.time()
		case "packages":
			r.Packages = list(d, &d.scratch.packages, (*decoder).pack)
		default:
			d.skip()
		}
	}
}

func (d *decoder) point(p *manifest.PointRef) {
	if !d.open('{', "an object") {
		return
	}
	for o := (object{names: pointKeys}); d.next(&o); {
		switch o.key {
		case "id":
			p.ID = d.string()
		case "major":
			p.Major = d.int()
		case "minor":
			p.Minor = d.int()
		default:
			d.skip()
		}
	}
}

func (d *decoder) need(n *manifest.Need) {
	if !d.open('{', "an object") {
		return
	}
	for o := (object{names: needKeys}); d.next(&o); {
		switch o.key {
		case "id":
			n.ID = manifest.ID(d.string())
		case "range":
			n.Range = d.versions()
		case "optional":
			n.Optional = d.boolean()
		case "init":
			n.Init = d.boolean()
		default:
			d.skip()
		}
	}
}

func (d *decoder) choice(c *[]manifest.Need) { *c = list(d, &d.scratch.needs, (*decoder).need) }

func (d *decoder) offer(f *manifest.Offer) {
	if !d.open('{', "an object") {
		return
	}
	for o := (object{names: offerKeys}); d.next(&o); {
		switch o.key {
		case "id":
			f.ID = manifest.ID(d.string())
		case "version":
			f.Version = d.version()
		default:
			d.skip()
		}
	}
}

func (d *decoder) pack(p *Package) {
	if !d.open('{', "an object") {
		return
	}
	for o := (object{names: packageKeys}); d.next(&o); {
		switch o.key {
		case "runtime":
			p.Runtime = d.string()
		case "platform":
			d.platform(&p.Platform)
		case "manifest":
			d.ref(&p.Manifest)
		case "payload":
			d.ref(&p.Payload)
		default:
			d.skip()
		}
	}
}

func (d *decoder) platform(p *manifest.Platform) {
	if !d.open('{', "an object") {
		return
	}
	for o := (object{names: platformKeys}); d.next(&o); {
		switch o.key {
		case "os":
			p.OS = d.string()
		case "architecture":
			p.Arch = d.string()
		default:
			d.skip()
		}
	}
}

func (d *decoder) ref(r *Ref) {
	if !d.open('{', "an object") {
		return
	}
	for o := (object{names: refKeys}); d.next(&o); {
		switch o.key {
		case "digest":
			r.Digest = artifact.Digest(d.string())
		case "size":
			r.Size = d.integer(64)
		default:
			d.skip()
		}
	}
}
