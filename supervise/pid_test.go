package supervise_test

import (
	"context"
	"testing"

	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/supervise"
)

// numbered is a driver of which every second instance is a process.
type numbered struct {
	*fake
	n *int
}

type process struct {
	load.Instance
	pid int
}

func (p process) PID() int { return p.pid }
func (p process) Confinement() load.Confinement {
	return load.Confinement{Active: []string{"files"}}
}

func (d numbered) Start(ctx context.Context, im load.Image, s load.Spec) (load.Instance, error) {
	in, err := d.fake.Start(ctx, im, s)
	if *d.n++; err != nil || *d.n%2 == 1 {
		return in, err
	}
	return process{in, 1000 + *d.n}, nil
}

// TestPID: the number is that of the instance that runs now, 0 if it is no process.
func TestPID(t *testing.T) {
	d := numbered{&fake{last: map[string]*instance{}}, new(int)}
	s := supervise.New([]load.Driver{d}, func(load.Image) (load.Spec, error) { return load.Spec{}, nil }, supervise.Policy{}, supervise.Events{})
	for i, want := range []int{0, 1002, 0, 1004} {
		p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.PID(); got != want {
			t.Errorf("instance %d: process %d, want %d", i+1, got, want)
		}
		if c := p.Confinement(); (len(c.Active) == 1) != (want > 0) {
			t.Errorf("instance %d: %+v", i+1, c)
		}
	}
	p := s.Plugin("a/a")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if p.PID() != 0 {
		t.Error("a stopped plugin has a process")
	}
}
