package server_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/cmd/internal/server/blobs"
	"github.com/plugstead/plugstead/cmd/internal/server/sqlstore"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/registry/client"
)

const (
	killRounds  = 12
	killWorkers = 3
	killVersion = 13 // versions that a worker can publish in one round
	killSteps   = 60 // pushes of all workers before a kill, at most
)

// process is a server in a process of its own.
type process struct {
	running
	cmd *exec.Cmd
}

// spawn starts a server process over a data folder, or what the variables env say.
func spawn(t *testing.T, data string, env ...string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), dataVar+"="+data), env...)
	var trouble strings.Builder
	cmd.Stderr = &trouble
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd}
	p.stop = func() error {
		in.Close()
		return cmd.Wait()
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		cmd.Wait()
		t.Fatalf("the server does not start: %v: %s", err, trouble.String())
	}
	var token string
	if _, err := fmt.Sscan(line, &p.url, &token); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	p.token = strings.TrimSuffix(token, ".")
	return p
}

// kill ends the process as a power button would.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	p.cmd.Wait() // reports the kill
}

// acknowledged are the publications that the server said are done.
type acknowledged struct {
	mu   sync.Mutex
	list []*artifact.Packed
}

// TestKill kills a server again and again in the middle of publications. What it
// acknowledged must be there afterwards, and what it shows must be whole.
func TestKill(t *testing.T) {
	random := rand.New(rand.NewPCG(2026, 7))
	data := t.TempDir()
	packed := packForKills(t)
	first := spawn(t, data)
	token := first.token
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	var done acknowledged
	for round := range killRounds {
		s := spawn(t, data)
		if s.token != "" {
			t.Fatalf("round %d: the token is new", round)
		}
		s.token = token
		checkFolder(t, data) // after the server opened it: nobody repairs it before
		// The instant of a kill is so many steps into the publications, however fast
		// the machine is, and then a little later.
		steps, later := random.IntN(killSteps), time.Duration(random.Int64N(int64(5*time.Millisecond)))
		step := make(chan struct{}, killWorkers*killVersion*100)
		var workers sync.WaitGroup
		for w := range killWorkers {
			workers.Go(func() { publishUntilDead(s, packed[round][w], step, &done) })
		}
		gone := make(chan struct{})
		go func() { workers.Wait(); close(gone) }()
		for range steps {
			select {
			case <-step:
			case <-gone:
				t.Fatal("publishing failed before the kill")
			}
		}
		<-time.After(later)
		s.kill(t)
		<-gone
	}
	if len(done.list) == 0 {
		t.Fatal("no publication was acknowledged before a kill")
	}
	t.Logf("%d publications were acknowledged in %d rounds", len(done.list), killRounds)
	s := spawn(t, data)
	s.token = token
	checkFolder(t, data)
	checkAcknowledged(t, s, done.list)
	checkWhole(t, s)
	// What a kill cut off is published again without further ado.
	for w := range killWorkers {
		plugintest.Push(t, s.client(t, token).Target(workerID(w)), packed[0][w]...)
	}
	checkWhole(t, s)
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	checkCollected(t, data)
}

// checkCollected collects what kills left: then the folder has what the database names.
func checkCollected(t *testing.T, data string) {
	t.Helper()
	b, err := blobs.Open(filepath.Join(data, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	tomorrow := func() time.Time { return time.Now().Add(24 * time.Hour) }
	s, err := sqlstore.Open(t.Context(), sqlstore.Options{File: filepath.Join(data, "registry.db"), Blobs: b, Now: tomorrow})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := s.Collect(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("collected: %+v", got)
	named := checkFolder(t, data)
	for o, err := range b.List(t.Context(), "") {
		if err != nil || !named[o.Key] {
			t.Errorf("left: %s, %v", o.Key, err)
		}
	}
}

func workerID(w int) manifest.ID { return manifest.ID(fmt.Sprintf("acme/worker%d", w)) }

// packForKills packs before the clock runs: packing must not be what a kill hits.
func packForKills(t *testing.T) (out [killRounds][killWorkers][]*artifact.Packed) {
	t.Helper()
	for round := range killRounds {
		for w := range killWorkers {
			for n := range killVersion {
				out[round][w] = append(out[round][w], plugintest.Pack(t, string(workerID(w)), fmt.Sprintf("%d.%d.0", round+1, n)))
			}
		}
	}
	return out
}

// publishUntilDead publishes one version after the other until the server is gone.
func publishUntilDead(s *process, list []*artifact.Packed, step chan<- struct{}, done *acknowledged) {
	c, err := client.New(s.url, client.Options{Token: s.token})
	o := publish.Options{Events: publish.Events{Pushed: func(artifact.Descriptor) { step <- struct{}{} }}}
	for _, p := range list {
		if err == nil {
			err = publish.Push(context.Background(), c.Target(p.Manifest.ID), p, o)
		}
		if err != nil {
			return
		}
		done.mu.Lock()
		done.list = append(done.list, p)
		done.mu.Unlock()
	}
}

// checkFolder looks at what a kill left: a sound database, whose every blob has a whole
// object. It returns the keys of objects.
func checkFolder(t *testing.T, data string) map[string]bool {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(data, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRow(`pragma integrity_check`).Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("database: %q %v", verdict, err)
	}
	for what, query := range map[string]string{
		"versions without events":  `select (select count(*) from tag) - (select count(*) from event where what like 'publish %')`,
		"tags without a manifest":  `select count(*) from tag t left join manifest m on m.repo = t.repo and m.digest = t.digest where m.digest is null`,
		"names without a blob":     `select count(*) from reference x where not exists (select 1 from repo_blob b where b.repo = x.repo and b.digest = x.child) and not exists (select 1 from manifest m where m.repo = x.repo and m.digest = x.child)`,
		"plugins not searched for": `select count(*) from plugin p left join search s on s.rowid = p.number where s.rowid is null`,
	} {
		var n int
		if err := db.QueryRow(query).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d %v", what, n, err)
		}
	}
	named := map[string]bool{}
	rows, err := db.Query(`select digest, key, size from blob`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var digest, key string
		var size int
		if err := rows.Scan(&digest, &key, &size); err != nil {
			t.Fatal(err)
		}
		named[key] = true
		b, err := os.ReadFile(filepath.Join(data, "blobs", key))
		if err != nil || string(artifact.DigestOf(b)) != digest || len(b) != size {
			t.Errorf("%s holds other bytes, %v", key, err)
		}
	}
	return named
}

func checkAcknowledged(t *testing.T, s *process, list []*artifact.Packed) {
	t.Helper()
	c := s.client(t, "")
	for _, p := range list {
		doc, err := c.Plugin(t.Context(), p.Manifest.ID)
		if err != nil {
			t.Fatal(err)
		}
		if r, ok := doc.Find(p.Manifest.Version); !ok || r.Digest != p.Digest {
			t.Errorf("%s %s was acknowledged and is not in the index", p.Manifest.ID, p.Manifest.Version)
		}
		for _, b := range p.Blobs() {
			if err := readBlob(t, c.Blobs(p.Manifest.ID), b.Descriptor); err != nil {
				t.Errorf("%s %s: %v", p.Manifest.ID, p.Manifest.Version, err)
			}
		}
	}
}

// checkWhole reads everything that the index shows, and compares it with the tags.
func checkWhole(t *testing.T, s *process) {
	t.Helper()
	c := s.client(t, "")
	for w := range killWorkers {
		doc, err := c.Plugin(t.Context(), workerID(w))
		if errors.Is(err, index.ErrNotFound) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range doc.Releases {
			im, err := artifact.Read(t.Context(), c.Blobs(doc.ID), r.Image())
			if err != nil {
				t.Errorf("%s %s: %v", doc.ID, r.Version, err)
				continue
			}
			for _, ref := range im.Packages {
				pkg, err := artifact.ReadPackage(t.Context(), c.Blobs(doc.ID), ref)
				if err == nil {
					err = readBlob(t, c.Blobs(doc.ID), pkg.Payload)
				}
				if err != nil {
					t.Errorf("%s %s: %v", doc.ID, r.Version, err)
				}
			}
		}
		if _, tags := s.call(t, "GET", "/v2/"+string(doc.ID)+"/tags/list", ""); strings.Count(tags, ".0\"") != len(doc.Releases) {
			t.Errorf("%s: %d releases and tags %s", doc.ID, len(doc.Releases), tags)
		}
	}
}

func readBlob(t *testing.T, from artifact.Blobs, d artifact.Descriptor) error {
	t.Helper()
	r, err := from.Open(t.Context(), d)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, artifact.Verify(r, d))
	return err
}
