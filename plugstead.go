package plugstead

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plugstead/plugstead/config"
	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/inproc"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry/dropin"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/supervise"
	"github.com/plugstead/plugstead/update"
	"github.com/plugstead/plugstead/verify"
	"github.com/plugstead/plugstead/version"
)

// The types that most hosts meet, under short names.
type (
	Plugin     = supervise.Plugin   // a running plugin, to pass to a method's Call
	Plan       = update.Plan        // what a change would do
	Change     = update.Change      // what somebody wants changed
	Generation = install.Generation // one installed set
	Facts      = resolve.Host       // what an application offers to plugins
)

// Options say what an application is and offers. App and Version are required.
type Options struct {
	App     string // name of the application, as plugins write it under host
	Version string // semantic version of the application
	Dir     string // installation folder; default DefaultDir(App)
	// Store, in place of Dir, is a folder that several applications of one user share: what
	// several of them install is there once. The installation folder is then apps/App in it.
	Store string

	// Registry names where plugins come from, as [OpenSource] takes it: the address of a
	// registry, oci://HOST/PREFIX, or the path of a folder or a bundle.
	// Default: the environment variable PLUGSTEAD_REGISTRY. With neither, and no
	// Sources, installed plugins run and nothing can be installed.
	Registry string
	// Mirrors are copies of Registry, whole or in part, which are asked first, in this order.
	// Default: the words of the environment variable PLUGSTEAD_MIRRORS.
	Mirrors []string
	Sources fetch.Sources // in place of Registry and Mirrors
	// Cache is the folder in which index documents are kept, so that only changes are
	// asked for, and Offline can answer. Default: DefaultCache(). It may be removed at any
	// time, and is done without if it cannot be used.
	Cache   string
	Offline bool // ask nothing over a network; what is missing fails with fetch.ErrOffline

	Points  []*contract.Point               // extension points; what is installed is checked against them
	Provide []contract.Handler              // services that plugins may call
	Config  map[manifest.ID]json.RawMessage // configuration of plugins that operators gave none, by id
	Policy  verify.Policy                   // operator's rules
	// Allow is what plugins are granted whenever a change of this host installs or updates
	// them, of what they ask for.
	Allow []update.Allow
	// Consent decides about everything else that they ask for beyond what they were granted
	// before; see update.Updater.Consent. Nil: such a change returns an
	// *update.ConsentError, which lists it, and changes nothing.
	Consent func(context.Context, []update.Ask) error
	// CheckConfig says what is wrong with a configuration that [Host.Configure] is given:
	// schema.Check of package config/schema, for example. Nil: only its form is checked.
	CheckConfig func(m *manifest.Manifest, text string) error
	Keep        supervise.Policy // restarts and time limits
	// Optional reports that the application starts without a plugin if that does not: it is
	// set aside with its reason, see Host.Aside. Nil: Start fails if any plugin does.
	Optional func(manifest.ID) bool
	// Probe is how long each new plugin may take to start and to say that it is well,
	// before a change that this host makes is switched; see update.Updater.Apply. Default:
	// update.DefaultProbe. Below 0 nothing is probed.
	Probe time.Duration
	// Watch is how long a new set of plugins is on trial after this host started it or
	// switched to it; see update.Updater.Watch. A host that is killed, or ends without
	// Close, three times in a row within that time goes back to the set before. Default:
	// update.DefaultWatch. Below 0 nothing is watched.
	Watch time.Duration
	// CI reports whether this is continuous integration, where development overrides are
	// refused. Default: the environment variable [EnvCI] is set.
	CI     func() bool
	Log    *slog.Logger // gets the logs of plugins; default slog.Default()
	Events Events
}

// Events tell what is going on. Every field may be nil.
type Events struct {
	Update    update.Events
	Supervise supervise.Events
	Folder    func(FolderEvent) // what [Host.WatchFolder] did, and what it could not
}

// Host is an application with its plugins. Its methods allow concurrent calls.
// Close ends the plugins and must be called.
type Host struct {
	o   Options
	dir *install.Dir
	set *supervise.Set
	up  *update.Updater
	on  atomic.Bool // Start succeeded

	secrets redactors

	mu      sync.Mutex
	dropins map[string]*dropin.Folder // by identity
	watched []*dropin.Folder
}

// running is what a change swaps: nothing before Start.
func (h *Host) running() *supervise.Set {
	if h.on.Load() {
		return h.set
	}
	return nil
}

// Environment variables that name the registry, and mirrors of it with spaces in between.
const (
	EnvRegistry = "PLUGSTEAD_REGISTRY"
	EnvMirrors  = "PLUGSTEAD_MIRRORS"
)

// Open opens a host with all drivers that are linked by default: plugins in this
// process, in WebAssembly, in processes of their own, as commands, and as files alone. It
// touches no network.
func Open(ctx context.Context, o Options) (*Host, error) {
	return OpenWith(ctx, defaultDrivers(), o)
}

// OpenWith is Open with the drivers it is given and no others. The order is the
// preference: a plugin that can run in several ways runs in the first.
func OpenWith(_ context.Context, drivers []load.Driver, o Options) (*Host, error) {
	facts, err := hostFacts(o, drivers)
	if err != nil {
		return nil, err
	}
	h, err := open(drivers, facts, o)
	if err != nil {
		return nil, err
	}
	if err := writeFacts(h.dir.Path(), facts); err != nil {
		return nil, fmt.Errorf("open %s: %w", o.App, err)
	}
	return h, nil
}

// OpenFor opens the plugins of another application, of which facts says what it
// offers; see [ReadFacts]. App, Version and Points of o are not used. A program that
// changes plugins for others and never starts them passes no drivers.
func OpenFor(_ context.Context, drivers []load.Driver, facts resolve.Host, o Options) (*Host, error) {
	o.App = facts.App
	return open(drivers, facts, o)
}

func open(drivers []load.Driver, facts resolve.Host, o Options) (h *Host, err error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Sources.Default == nil && o.Sources.Namespaces == nil {
		if o.Sources.Default, err = o.source(); err != nil {
			return nil, err
		}
	}
	h = &Host{o: o}
	if h.dir, err = o.folder(); err != nil {
		return nil, fmt.Errorf("open %s: %w", o.App, err)
	}
	h.set = supervise.New(drivers, h.spec, o.Keep, supervise.Events{Changed: h.changed})
	h.up = &update.Updater{
		Sources: o.Sources, Index: fetch.IndexOptions{Cache: cmp.Or(o.Cache, DefaultCache()), Offline: o.Offline}, Blobs: filepath.Join(h.dir.Store(), "blobs"), Dir: h.dir, Policy: o.Policy,
		Host: facts, Running: h.running, Optional: o.Optional, Probe: o.Probe, Watch: o.Watch, Events: h.events(),
		Local: h.local, Reopen: h.reopen, Consent: o.Consent, CheckConfig: o.CheckConfig,
	}
	if len(drivers) > 0 {
		h.up.Prepare = h.set.Prepare
	}
	return h, nil
}

// folder opens what Dir or Store names.
func (o *Options) folder() (*install.Dir, error) {
	switch {
	case o.Store != "" && o.Dir != "":
		return nil, errors.New("Dir and Store exclude each other")
	case o.Store != "":
		return install.OpenIn(o.Store, o.App)
	case o.Dir != "":
		return install.Open(o.Dir)
	}
	dir, err := DefaultDir(o.App)
	if err != nil {
		return nil, err
	}
	return install.Open(dir)
}

// source opens what Registry and Mirrors name, or else the environment.
func (o *Options) source() (fetch.Source, error) {
	mirrors := o.Mirrors
	if mirrors == nil {
		mirrors = strings.Fields(os.Getenv(EnvMirrors))
	}
	return OpenMirrored(cmp.Or(o.Registry, os.Getenv(EnvRegistry)), mirrors...)
}

// DefaultDrivers returns the drivers that [Open] links.
func DefaultDrivers() []load.Driver { return defaultDrivers() }

// hostFacts says what the program offers to a resolver.
func hostFacts(o Options, drivers []load.Driver) (resolve.Host, error) {
	f := resolve.Host{App: o.App, Platform: manifest.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH}, Points: []manifest.PointRef{}}
	if _, err := manifest.ParseID("app/" + o.App); err != nil {
		return f, fmt.Errorf("application name %q: want lower-case letters and digits", o.App)
	}
	var err error
	if f.Version, err = version.Parse(o.Version); err != nil {
		return f, fmt.Errorf("version of %s: %w", o.App, err)
	}
	for _, p := range o.Points {
		f.Points = append(f.Points, manifest.PointRef{ID: p.ID(), Major: p.Major(), Minor: p.Minor()})
		for _, m := range p.Methods() {
			f.Methods = append(f.Methods, manifest.HostMethod{
				Method: manifest.Method{Path: m.Path(), Minor: p.Minor(), Kind: int(m.Kind()), Fingerprint: fmt.Sprintf("%016x", m.Fingerprint())},
				Since:  m.Since, Optional: m.Optional,
			})
		}
	}
	for _, d := range drivers {
		if d.Runtime() != manifest.RuntimeInproc {
			f.Runtimes = append(f.Runtimes, d.Runtime())
			continue
		}
		for _, im := range inproc.Linked() {
			f.Linked = append(f.Linked, im.Manifest.ID)
		}
	}
	return f, nil
}

// spec says what an instance gets.
func (h *Host) spec(im load.Image) (load.Spec, error) {
	var data string
	if im.Data == "" { // not one that is installed
		var err error
		if data, err = h.dataOf(im.Manifest.ID); err != nil {
			return load.Spec{}, err
		}
	}
	given, secrets, err := config.Resolve(im.Config)
	if err != nil {
		return load.Spec{}, err
	}
	if im.Config == "" {
		given = h.o.Config[im.Manifest.ID]
	}
	return load.Spec{
		Config: given, Grants: im.Grants, Host: h.services(im), Peer: h.peer(im.Manifest), DataDir: data,
		Log: h.log(im.Manifest.ID, secrets), Hide: h.secrets.of(im.Manifest.ID).Error,
	}, nil
}

// services returns what a plugin may call in the application: what it was granted. One that
// is part of the program may call everything.
func (h *Host) services(im load.Image) (out []contract.Handler) {
	for _, s := range h.o.Provide {
		if im.Runtime == manifest.RuntimeInproc || manifest.Covered(manifest.Capability("host:"+s.Method.Point().ID()), im.Grants) {
			out = append(out, s)
		}
	}
	return out
}

// dataOf returns the private folder of a plugin that is tried out in place of an installed
// one, or linked.
func (h *Host) dataOf(id manifest.ID) (string, error) {
	g, err := h.dir.Active()
	if err != nil {
		return "", err
	}
	if r, ok := g.Find(id); ok {
		return h.dir.DataPath(r), h.dir.MakeData(context.Background(), r)
	}
	return h.dir.DataDir(id)
}

// peer lets a plugin call the plugins it requires and no others.
func (h *Host) peer(m *manifest.Manifest) func(manifest.ID) contract.Caller {
	return func(id manifest.ID) contract.Caller {
		if !slices.ContainsFunc(m.Requires, func(n manifest.Need) bool { return n.ID == id }) {
			return nil
		}
		return h.set.Peer(id)
	}
}

// allowing adds what this host grants in every change.
func (h *Host) allowing(c Change) Change {
	c.Allow = slices.Concat(c.Allow, h.o.Allow)
	return c
}

// Plan says what a change would do. It changes nothing. It returns update.ErrOverridden for
// a frozen one while there are development overrides, and for one that installs or updates
// if this is continuous integration.
func (h *Host) Plan(ctx context.Context, c Change) (*Plan, error) {
	p, err := h.up.Plan(ctx, h.allowing(c))
	if err != nil {
		return nil, err
	}
	if err := h.refuse(c, p.Overrides()); err != nil { // here, since the plan has read the set
		return nil, err
	}
	return p, nil
}

// Apply carries out a plan, exactly. It returns update.ErrStale if the installed set
// changed since, and an *update.ConsentError if plugins ask for more than they were
// granted: Plan.Asks says it before, Plan.Allow grants it, and Options.Consent is not
// asked.
func (h *Host) Apply(ctx context.Context, p *Plan) (*Generation, error) { return h.up.Apply(ctx, p) }

// ApplyWithin is Apply that waits at most so long for another process that changes
// the same folder, then fails with install.ErrBusy.
func (h *Host) ApplyWithin(ctx context.Context, p *Plan, wait time.Duration) (*Generation, error) {
	return h.up.ApplyWithin(ctx, p, wait)
}

// Rollback makes an older set active again; to 0 means the one before. It needs no
// network.
func (h *Host) Rollback(ctx context.Context, to int) (*Generation, error) {
	return h.up.Rollback(ctx, to)
}

// Installed returns the installed set.
func (h *Host) Installed() (*Generation, error) { return h.dir.Active() }

// Verify hashes the files of installed plugins, of all if none is named, and says which
// are not those that were installed; see update.Updater.Verify.
func (h *Host) Verify(ctx context.Context, ids ...manifest.ID) ([]update.Finding, error) {
	return h.up.Verify(ctx, ids...)
}

// Repair installs the files of damaged plugins again, in the versions that are installed.
func (h *Host) Repair(ctx context.Context, findings []update.Finding) (*Plan, *Generation, error) {
	return h.up.Repair(ctx, findings)
}

// Collect removes old installed sets and the files that no other one needs. The active
// set, sets that a host runs, the newest ones and what is young stay.
func (h *Host) Collect(ctx context.Context, o install.CollectOptions) (*update.Collected, error) {
	return h.up.Collect(ctx, o)
}

// History lists the installed sets there were, the newest first.
func (h *Host) History() ([]*Generation, error) { return h.dir.History() }

// Outdated compares the installed plugins with the sources.
// c has the rules and the lock file to heed.
func (h *Host) Outdated(ctx context.Context, c Change) ([]update.Outdated, error) {
	return h.up.Outdated(ctx, c)
}

// WhyNot says what keeps a plugin in a range of versions from being installed; see
// update.Updater.WhyNot.
func (h *Host) WhyNot(ctx context.Context, c Change, w resolve.Wish) (*Plan, *resolve.Failure, error) {
	return h.up.WhyNot(ctx, c, w)
}

// WhatIf says what c would change if this application had another version.
func (h *Host) WhatIf(ctx context.Context, c Change, appVersion version.Version) (*Plan, error) {
	return h.up.WhatIf(ctx, c, appVersion)
}

// ReadPlan reads a plan that was written as JSON. It returns update.ErrStale if the
// installed set has changed since.
func (h *Host) ReadPlan(b []byte) (*Plan, error) { return h.up.ReadPlan(b) }

// LockDiffers reports whether a lock file and the installed set hold different plugins
// or requests.
func (h *Host) LockDiffers(path string) (bool, error) { return h.up.Differs(path) }

// MergeLock solves the conflict that a merge left in c.LockFile; see
// update.Updater.MergeLock.
func (h *Host) MergeLock(ctx context.Context, c Change) (*Plan, error) { return h.up.MergeLock(ctx, c) }

// WriteLock makes the lock of a change and writes it to c.LockFile. It installs
// nothing.
func (h *Host) WriteLock(ctx context.Context, c Change) (*Plan, error) { return h.up.WriteLock(ctx, c) }

// Search yields plugins of the source, the best match first.
func (h *Host) Search(ctx context.Context, q index.Query) iter.Seq2[index.Hit, error] {
	if far, ok := h.up.Sources.Default.(fetch.Remote); ok && h.o.Offline {
		return func(yield func(index.Hit, error) bool) {
			yield(index.Hit{}, fmt.Errorf("search %s: %w", far.Identity(), fetch.ErrOffline))
		}
	}
	return h.up.Sources.Search(ctx, q)
}

// Index returns the index document of a plugin: its versions and what they need.
func (h *Host) Index(ctx context.Context, id manifest.ID) (*index.Plugin, error) {
	ix := fetch.OpenIndex(ctx, h.up.Sources, h.up.Index)
	defer ix.Close()
	return ix.Plugin(ctx, id)
}

// Facts is what plugins are checked against.
func (h *Host) Facts() resolve.Host { return h.up.Host }

// Aside lists the installed plugins that do not run: those that are not for this
// application as it is now, optional ones that did not start, those that somebody disabled
// (update.ErrDisabled), development overrides that cannot (*update.OverrideError), and
// those that need them. Update looks for versions that fit.
func (h *Host) Aside() ([]update.Aside, error) {
	g, err := h.dir.Active()
	if err != nil {
		return nil, err
	}
	return h.up.Aside(g), nil
}

// Start starts what is linked into this program and what is installed, in the order
// of their requirements. It touches no network. Plugins that are not for this application
// as it is now stay away; see [Host.Aside]. On an error nothing keeps running.
func (h *Host) Start(ctx context.Context) error {
	if err := h.start(ctx); err != nil {
		h.on.Store(false)
		return errors.Join(err, h.Close())
	}
	return nil
}

func (h *Host) start(ctx context.Context) error {
	for _, im := range inproc.Linked() {
		if !slices.Contains(h.up.Host.Linked, im.Manifest.ID) {
			continue
		}
		if _, err := h.set.Put(ctx, im); err != nil {
			return err
		}
	}
	// A change that ends before on is set runs nothing: it is seen in the next round.
	for running := -1; ; {
		g, err := h.up.Start(ctx, h.set)
		if err != nil || g.Number == running {
			return err
		}
		for _, a := range h.up.Aside(g) {
			if errors.Is(a.Why, update.ErrDisabled) {
				continue // somebody wants it so
			}
			h.o.Log.Warn("plugin does not start", "plugin", string(a.ID), "version", a.Version.String(), "err", a.Why)
		}
		running = g.Number
		h.on.Store(true)
	}
}

// Restart starts a plugin anew: one that runs is swapped for a new instance without losing
// a call, one that failed gets its whole budget of restarts back. It fails with
// contract.Unavailable if the plugin was not to run.
func (h *Host) Restart(ctx context.Context, id manifest.ID) error { return h.set.Restart(ctx, id) }

// Dev starts an image that was not installed, in place of what runs under its id. If the
// image has no grants it gets what its manifest asks for.
func (h *Host) Dev(ctx context.Context, im load.Image) (*Plugin, error) {
	if im.Grants == nil {
		im.Grants = im.Manifest.Capabilities
	}
	return h.set.Put(ctx, im)
}

// Plugins yields the running plugins that implement an extension point, by id.
func (h *Host) Plugins(p *contract.Point) iter.Seq[*Plugin] { return h.set.Implementing(p) }

// Plugin returns a running plugin by id, or nil.
func (h *Host) Plugin(id manifest.ID) *Plugin {
	if p := h.set.Plugin(id); p != nil && p.Manifest() != nil {
		return p
	}
	return nil
}

// Close stops all plugins, those that others require last. Calls under way finish
// first.
func (h *Host) Close() error { return errors.Join(h.set.Close(), h.up.Release()) }
