package client

import "strings"

// challenge is one way in which a registry wants to know who asks: an entry of a
// WWW-Authenticate header of RFC 9110 section 11.6.1.
type challenge struct {
	scheme string            // lower case
	params map[string]string // keys in lower case
}

// Limits of the challenges of one answer.
const (
	maxChallenge  = 8 << 10 // bytes of a header
	maxParameters = 32      // of all of them
)

// chooseChallenge returns the first Bearer challenge of the headers that names a realm, or
// the first Basic one.
func chooseChallenge(headers []string) (challenge, bool) {
	var basic *challenge
	for _, h := range headers {
		for _, c := range parseChallenges(h) {
			switch {
			case c.scheme == "bearer" && c.params["realm"] != "":
				return c, true
			case c.scheme == "basic" && basic == nil:
				basic = &c
			}
		}
	}
	if basic == nil {
		return challenge{}, false
	}
	return *basic, true
}

// parseChallenges reads a header up to what it does not understand.
func parseChallenges(h string) (out []challenge) {
	if len(h) > maxChallenge {
		return nil
	}
	rest := h
	for range maxParameters {
		rest = strings.TrimLeft(rest, " \t,")
		word, tail := cutToken(rest)
		if word == "" {
			return out
		}
		after := strings.TrimLeft(tail, " \t")
		if !strings.HasPrefix(after, "=") { // a scheme; its parameters follow
			out = append(out, challenge{strings.ToLower(word), map[string]string{}})
			rest = tail
			continue
		}
		value, tail, ok := cutValue(strings.TrimLeft(after[1:], " \t"))
		if !ok || len(out) == 0 {
			return out
		}
		params := out[len(out)-1].params
		if key := strings.ToLower(word); params[key] == "" {
			params[key] = value
		}
		rest = tail
	}
	return out
}

// cutToken cuts behind a token of RFC 9110 section 5.6.2.
func cutToken(s string) (word, rest string) {
	i := strings.IndexFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
	if i < 0 {
		i = len(s)
	}
	return s[:i], s[i:]
}

// cutValue cuts behind a quoted string, or a word, which may be more than a token: some
// servers write addresses without quotes.
func cutValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.IndexAny(s+",", ", \t\"")
		return s[:i], s[i:], i > 0
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}
