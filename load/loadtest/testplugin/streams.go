package testplugin

import (
	"context"
	"iter"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load/loadtest/probe"
)

func (p *plugin) count(ctx context.Context, n probe.Number) iter.Seq2[probe.Number, error] {
	return func(yield func(probe.Number, error) bool) {
		if n.N == probe.StandsNow {
			<-ctx.Done()
			yield(probe.Number{}, ctx.Err())
			return
		}
		for i := 0; n.N < 0 || i < n.N; i++ {
			if i == 3 && n.N == probe.FailAt3 {
				yield(probe.Number{}, contract.Errorf(contract.NotFound, "no three").Because("NO_THREE"))
				return
			}
			if i == 3 && n.N == probe.PanicAt3 {
				panic("three")
			}
			if !yield(probe.Number{N: i}, nil) {
				return
			}
		}
	}
}

func (p *plugin) sum(_ context.Context, in iter.Seq2[probe.Number, error]) (out probe.Number, err error) {
	for n, err := range in {
		if err != nil {
			return out, err
		}
		out.N += n.N
	}
	return out, nil
}

func (p *plugin) double(ctx context.Context, d *contract.Duplex[probe.Number, probe.Number]) error {
	return double(ctx, d)
}

func double(_ context.Context, d *contract.Duplex[probe.Number, probe.Number]) error {
	for n, err := range d.All() {
		if err != nil {
			return err
		}
		if err := d.Send(probe.Number{N: 2 * n.N}); err != nil {
			return err
		}
	}
	return nil
}

func (p *plugin) blobs(_ context.Context, d *contract.Duplex[probe.Tock, probe.Tock]) error {
	for b, err := range d.All() {
		if err != nil {
			return err
		}
		if err := d.Send(b); err != nil {
			return err
		}
	}
	return nil
}

func (p *plugin) pull(ctx context.Context, q probe.Pulling) iter.Seq2[probe.Number, error] {
	switch q.From {
	case "host":
		return probe.Feed.Call(ctx, p.env.Host, probe.Number{N: q.N})
	case "total":
		return func(yield func(probe.Number, error) bool) {
			yield(probe.Total.Call(ctx, p.env.Host, below(q.N)))
		}
	}
	return p.pullPeer(ctx, q.N)
}

// below yields the numbers from 0 below n.
func below(n int) iter.Seq2[probe.Number, error] {
	return func(yield func(probe.Number, error) bool) {
		for i := range n {
			if !yield(probe.Number{N: i}, nil) {
				return
			}
		}
	}
}

func (p *plugin) pullPeer(ctx context.Context, n int) iter.Seq2[probe.Number, error] {
	return func(yield func(probe.Number, error) bool) {
		d, err := probe.PeerDouble.Call(ctx, p.env.Peer(PeerID))
		if err != nil {
			yield(probe.Number{}, err)
			return
		}
		defer d.Close()
		go func() {
			for i := range n {
				if d.Send(probe.Number{N: i}) != nil {
					return
				}
			}
			_ = d.CloseSend()
		}()
		for v, err := range d.All() {
			if !yield(v, err) {
				return
			}
		}
	}
}
