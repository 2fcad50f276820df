package resolve

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/manifest"
)

// MergeLocks takes a lock apart in which a merge left conflict markers, also those of
// the style that shows the common ancestor, and returns what both sides say. To merge
// them, solve with both preferred; they are no locks to install from. A merge may mix up
// lines of one plugin that both sides changed: then only its ID, Version, Digest, Size
// and Source are set, or it is left out if these cannot be read. Anything else that
// cannot be read is an error, so no request is lost. A text without markers is the same
// on both sides. Errors are a [*LockError] and name the line in text and the side.
func MergeLocks(text []byte) (ours, theirs *Lock, err error) {
	if len(text) > 3*MaxLock { // both sides and their ancestor
		return nil, nil, &LockError{Msg: fmt.Sprintf("%d bytes, more than the limit of %d", len(text), 3*MaxLock)}
	}
	s := strings.ReplaceAll(string(text), "\r\n", "\n")
	if ours, err = parseSide(s, inOurs); err != nil {
		return nil, nil, err
	}
	if theirs, err = parseSide(s, inTheirs); err != nil {
		return nil, nil, err
	}
	return ours, theirs, nil
}

// part says where in a text with conflict markers a line stands.
type part int

const (
	inBoth part = iota
	inOurs
	inBase
	inTheirs
	onMarker
)

func (p part) String() string { return [...]string{"both", "ours", "ancestor", "theirs", "marker"}[p] }

// parseSide reads the lock of one side.
func parseSide(text string, side part) (*Lock, error) {
	var b strings.Builder
	b.Grow(len(text))
	err := eachLine(text, func(_ int, line string, p part) bool {
		if p == inBoth || p == side {
			b.WriteString(line)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	l, err := ParseLock([]byte(b.String()))
	if err != nil && b.Len() <= MaxLock {
		l, err = parseLoose(b.String())
	}
	if e, ok := errors.AsType[*LockError](err); ok {
		return nil, &LockError{Line: lineOfSide(text, side, e.Line), Msg: side.String() + ": " + e.Msg, cause: e.cause}
	}
	return l, err
}

// parseLoose reads a lock in which blocks of plugins may be mixed up.
func parseLoose(text string) (*Lock, error) {
	r := &lockReader{rest: text, known: map[any]any{}}
	l := &Lock{Requests: []Wish{}, Plugins: []Locked{}}
	if err := r.head(l); err != nil {
		return nil, err
	}
	last, seen := 0, map[manifest.ID]bool{}
	for r.next() {
		i, err := r.section(last)
		if err != nil {
			return nil, err
		}
		last = i
		if lockSections[i].name != pluginSection {
			if err := lockSections[i].read(r, l); err != nil {
				return nil, err
			}
			continue
		}
		if p, ok := r.loosePlugin(i); ok && !seen[p.ID] {
			seen[p.ID] = true
			l.Plugins = append(l.Plugins, p)
		}
		if len(l.Plugins) > maxBlocks {
			return nil, r.fail("more than %d of [[%s]]", maxBlocks, pluginSection)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	slices.SortFunc(l.Plugins, func(a, b Locked) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return l, l.finish()
}

// loosePlugin reads a block as far as it can be read, and goes to its end.
func (r *lockReader) loosePlugin(section int) (Locked, bool) {
	var one Lock
	err := lockSections[section].read(r, &one)
	p := one.Plugins[0]
	if err == nil {
		return p, true
	}
	for r.text != "" && !strings.HasPrefix(r.rest, "[[") && r.next() {
		continue // what stands before the next block
	}
	return Locked{ID: p.ID, Version: p.Version, Digest: p.Digest, Size: p.Size, Source: p.Source}, p.Source != ""
}

// lineOfSide returns the number in text of a line with number n in one side, 0 for 0.
func lineOfSide(text string, side part, n int) (line int) {
	_ = eachLine(text, func(i int, _ string, p part) bool {
		if p == inBoth || p == side {
			if n--; n >= 0 {
				line = i
			}
		}
		return n > 0
	})
	return line
}

// eachLine calls f with every line of text, its number and where it stands, until f
// returns false. Lines have their line feeds.
func eachLine(text string, f func(n int, line string, p part) bool) error {
	at, opened := inBoth, 0
	for n := 1; text != ""; n++ {
		line := text
		if i := strings.IndexByte(text, '\n'); i >= 0 {
			line = text[:i+1]
		}
		text = text[len(line):]
		m := marker(line)
		if m == 0 {
			if !f(n, line, at) {
				return nil
			}
			continue
		}
		next, ok := at.behind(m)
		if !ok {
			return markerError(n, fmt.Sprintf("a line of %s where it cannot be", strings.Repeat(string(m), 7)))
		}
		if at == inBoth {
			opened = n
		}
		if at = next; !f(n, line, onMarker) {
			return nil
		}
	}
	if at != inBoth {
		return markerError(opened, "a conflict without its end")
	}
	return nil
}

func markerError(line int, msg string) error {
	return &LockError{Line: line, Msg: ErrConflictMarkers.Error() + ": " + msg, cause: ErrConflictMarkers}
}

// behind returns where the lines behind a marker stand, and whether it may follow
// those of p.
func (p part) behind(marker byte) (part, bool) {
	switch marker {
	case '<':
		return inOurs, p == inBoth
	case '|':
		return inBase, p == inOurs
	case '=':
		return inTheirs, p == inOurs || p == inBase
	}
	return inBoth, p == inTheirs
}

// marker returns the sign of a conflict marker: seven of them at the start of the
// line, then a space or the end. It returns 0 for other lines.
func marker(line string) byte {
	line = strings.TrimSuffix(line, "\n")
	if len(line) < 7 || len(line) > 7 && line[7] != ' ' {
		return 0
	}
	switch line[:7] {
	case "<<<<<<<", "|||||||", "=======", ">>>>>>>":
		return line[0]
	}
	return 0
}

// firstMarker returns the number of the first line with a conflict marker, or 0.
func firstMarker(text string) int {
	for n := 1; text != ""; n++ {
		line, rest, _ := strings.Cut(text, "\n")
		if marker(line) != 0 {
			return n
		}
		text = rest
	}
	return 0
}
