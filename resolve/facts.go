package resolve

import (
	"fmt"
	"strings"

	"github.com/plugstead/plugstead/resolve/internal/pubgrub"
)

// line says one fact.
func (l leaf) line(s *Solver) string {
	if l.need == nil {
		if l.of.choice != nil {
			return fmt.Sprintf("%s is offered by %s, and nobody asked for that", words(l.of.choice.text), l.of.names(l.set))
		}
		return fmt.Sprintf("%s %s %s", l.of.phrase(l.set), l.verb("is", "are"), l.reason)
	}
	what := l.need.words()
	if l.wish < 0 && l.kind != NodeConflicts && l.kind != NodeOption {
		what += l.replaced(s)
	}
	switch l.kind {
	case NodeWish:
		return "you asked for " + what
	case NodeOption:
		return l.option()
	case NodeConflicts:
		return fmt.Sprintf("%s %s with %s", l.of.phrase(l.set), l.verb("conflicts", "conflict"), what)
	case NodeOptional:
		return fmt.Sprintf("%s %s with %s only", l.of.phrase(l.set), l.verb("works", "work"), what)
	}
	return fmt.Sprintf("%s %s %s", l.of.phrase(l.set), l.verb("requires", "require"), what)
}

// verb returns the form of a verb that goes with the phrase for the versions of l.
func (l leaf) verb(one, many string) string {
	if n := l.set.Count(); n > 1 && n < len(l.of.versions) {
		return many
	}
	return one
}

// option says which versions of a plugin serve a choice, and which name they offer if it
// is not their own.
func (l leaf) option() string {
	serve := pubgrub.Full(len(l.target.versions)).Minus(l.need.fixed)
	text := fmt.Sprintf("%s needs %s", l.of.phrase(l.set), l.target.phrase(serve))
	if l.need.id == l.target.id {
		return text
	}
	verb := "offers"
	if serve.Count() > 1 {
		verb = "offer"
	}
	return fmt.Sprintf("%s, which %s %s", text, verb, l.need.id)
}

// replaced says which ranges of the need the problem replaced.
func (l leaf) replaced(s *Solver) string {
	if l.need.target != nil {
		if o := s.override[l.need.target]; o != nil {
			return fmt.Sprintf(", which you replaced by %s", o.Range)
		}
		return ""
	}
	var parts []string
	for _, m := range l.need.anyOf {
		if o := s.override[s.plugin(m.ID)]; o != nil {
			parts = append(parts, fmt.Sprintf("%s by %s", m.ID, o.Range))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ", where you replaced " + strings.Join(parts, " and ")
}
