package resolve

import (
	"context"
	"slices"
)

// Bounds of the search for an answer that moves little. Beyond them more plugins may move
// than have to.
const (
	maxRounds = 200
	maxHits   = 20_000  // sets that are tried in all rounds
	keepSteps = 200_000 // of all rounds, if the problem has no bound of its own
)

// keep looks for an answer that moves no locked plugin but those to update, and if there
// is none as few others as possible. It reports whether it found one.
//
// Each round keeps everything but a few plugins. If that has no answer, the proof names
// plugins of which at least one has to move. The next round frees the smallest set that
// has one of each of these conflicts: as no smaller one can do, the first answer moves no
// more plugins than any other.
func (s *Solver) keep(ctx context.Context, p *Problem) (bool, error) {
	clear(s.freed)
	bounded := *p
	if bounded.Budget.Steps <= 0 {
		bounded.Budget.Steps = keepSteps
	}
	h := &hitter[*plugin]{left: maxHits}
	for range maxRounds {
		ok, err := s.search(ctx, &bounded, true)
		if ok || err != nil {
			return ok, err
		}
		named := s.kept()
		bounded.Budget.Steps -= s.engine.Stats().Steps
		if len(named) == 0 || bounded.Budget.Steps <= 0 {
			return false, nil
		}
		clear(s.freed)
		for _, x := range h.add(named) {
			s.freed[x] = true
		}
	}
	return false, nil
}

// kept lists the plugins that the proof of the latest search rests on staying as they are.
func (s *Solver) kept() []*plugin {
	var out []*plugin
	for _, l := range s.build(new(Failure)).leaves {
		if l.kind == NodeKind(Kept) && !slices.Contains(out, l.of) {
			out = append(out, l.of)
		}
	}
	return out
}
