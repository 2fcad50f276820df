package server_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/cmd/internal/server/servertest"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/registry/client"
)

// places are variables for a new database and a new bucket.
func places(t *testing.T) []string {
	t.Helper()
	b := servertest.S3(t)
	return []string{
		"PLUGSTEAD_REGISTRY_DATABASE=" + servertest.Postgres(t),
		"PLUGSTEAD_REGISTRY_STORAGE_BUCKET=" + b.Bucket, "PLUGSTEAD_REGISTRY_STORAGE_ENDPOINT=" + b.Endpoint,
		"PLUGSTEAD_REGISTRY_STORAGE_REGION=" + b.Region, "PLUGSTEAD_REGISTRY_STORAGE_PLAIN=true",
		"PLUGSTEAD_REGISTRY_STORAGE_ACCESS_KEY=" + b.AccessKey, "PLUGSTEAD_REGISTRY_STORAGE_SECRET_KEY=" + b.SecretKey,
	}
}

// TestReplicas runs three servers over one database and one bucket, and kills one of them
// again and again while authors publish through all: what any of them acknowledged is read
// from every other, at once and afterwards.
func TestReplicas(t *testing.T) {
	env := places(t)
	list := make([]*process, 3)
	for i := range list {
		list[i] = spawn(t, t.TempDir(), env...)
	}
	token := list[0].token
	for _, s := range list[1:] {
		if s.token != "" {
			t.Fatal("a second replica made a token")
		}
		s.token = token
	}
	f := &flock{list: list}
	const workers, versions = 4, 8
	var work, killer sync.WaitGroup
	over, end := context.WithCancel(t.Context())
	killer.Go(func() {
		for over.Err() == nil {
			f.replace(t, func() *process { s := spawn(t, t.TempDir(), env...); s.token = token; return s }, over)
		}
	})
	for w := range workers {
		work.Go(func() {
			for v := range versions {
				p := plugintest.Pack(t, string(workerID(w)), fmt.Sprintf("1.%d.0", v))
				f.publish(t, p)
				f.check(t, p)
			}
		})
	}
	work.Wait()
	end()
	killer.Wait()
	t.Logf("%d kills, %d publications begun again", f.kills, f.again)
	if f.kills == 0 {
		t.Error("nobody was killed")
	}
	for _, s := range f.list {
		checkWhole(t, s)
		for w := range workers {
			doc, err := s.client(t, "").Plugin(t.Context(), workerID(w))
			if err != nil || len(doc.Releases) != versions {
				t.Errorf("%s: %v, %v", workerID(w), doc, err)
			}
		}
	}
}

// flock is replicas of which some may be gone.
type flock struct {
	mu           sync.Mutex
	list         []*process
	kills, again int
}

func (f *flock) any() *process {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.list[rand.IntN(len(f.list))]
}

// replace kills a replica at some instant and starts another one in its place.
func (f *flock) replace(t *testing.T, start func() *process, over context.Context) {
	select {
	case <-over.Done():
		return
	case <-time.After(time.Duration(rand.Int64N(int64(100 * time.Millisecond)))):
	}
	i := rand.IntN(len(f.list))
	f.list[i].kill(t)
	s := start()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list[i] = s
	f.kills++
}

// publish tries replicas until one acknowledges.
func (f *flock) publish(t *testing.T, p *artifact.Packed) {
	for tries := range 200 {
		s := f.any()
		c, err := client.New(s.url, client.Options{Token: s.token})
		if err == nil {
			err = publish.Push(t.Context(), c.Target(p.Manifest.ID), p, publish.Options{})
		}
		if err == nil {
			return
		}
		if tries == 199 {
			t.Error(err)
		}
		f.mu.Lock()
		f.again++
		f.mu.Unlock()
	}
}

// check reads a publication from a replica that is there.
func (f *flock) check(t *testing.T, p *artifact.Packed) {
	var errs error
	for range 200 {
		c, err := client.New(f.any().url, client.Options{})
		if err != nil {
			t.Error(err)
			return
		}
		doc, err := c.Plugin(t.Context(), p.Manifest.ID)
		if err != nil {
			errs = errors.Join(errs, err)
			continue
		}
		if r, ok := doc.Find(p.Manifest.Version); !ok || r.Digest != p.Digest {
			t.Errorf("%s %s was acknowledged and is not there", manifest.ID(p.Manifest.ID), p.Manifest.Version)
		}
		return
	}
	t.Error(errs)
}
