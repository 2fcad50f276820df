package client

import (
	"maps"
	"strings"
	"testing"
)

func TestChooseChallenge(t *testing.T) {
	type params = map[string]string
	for _, c := range []struct {
		headers []string
		scheme  string
		params  params
	}{
		{nil, "", nil},
		{[]string{""}, "", nil},
		{[]string{"Negotiate"}, "", nil},
		{[]string{`Basic realm="x"`}, "basic", params{"realm": "x"}},
		{[]string{`bEARER REALM=https://a/t , Service="s\"t"`}, "bearer", params{"realm": "https://a/t", "service": `s"t`}},
		{[]string{`Bearer realm="https://a/t",scope="repository:a/b:pull,push"`}, "bearer", params{"realm": "https://a/t", "scope": "repository:a/b:pull,push"}},
		{[]string{`Basic realm="x"`, `Bearer realm="https://a/t"`}, "bearer", params{"realm": "https://a/t"}},
		{[]string{`Negotiate, Basic realm="x", charset="UTF-8", Bearer realm="y"`}, "bearer", params{"realm": "y"}},
		{[]string{`Bearer scope="x"`, `Basic realm="x"`}, "basic", params{"realm": "x"}}, // nobody to ask
		{[]string{`Bearer realm="a", realm="b"`}, "bearer", params{"realm": "a"}},
		{[]string{`Bearer realm="a`, `Basic`}, "basic", params{}},
		{[]string{`Bearer realm="a\`}, "", nil},
		{[]string{`="x"`}, "", nil},
		{[]string{`realm="x"`}, "", nil},
		{[]string{`Bearer realm="` + strings.Repeat("x", maxChallenge) + `"`}, "", nil},
		{[]string{strings.Repeat("A,", 100) + `Bearer realm="a"`}, "", nil},
	} {
		got, ok := chooseChallenge(c.headers)
		if ok != (c.scheme != "") || got.scheme != c.scheme || !maps.Equal(got.params, c.params) {
			t.Errorf("%.200q: %+v, %t", c.headers, got, ok)
		}
	}
}

func FuzzChallenge(f *testing.F) {
	for _, s := range []string{`Bearer realm="https://a/t",service="s",scope="repository:a/b:pull"`, `Basic realm=x, Bearer realm="\"", a=b`, `a=`, `A B C="`, "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, h string) {
		n := 0
		for _, c := range parseChallenges(h) {
			n += 1 + len(c.params)
			if c.scheme == "" || strings.ContainsAny(c.scheme, " ,=\"") {
				t.Errorf("scheme %q", c.scheme)
			}
			for k, v := range c.params {
				if k == "" || k != strings.ToLower(k) || len(v) > len(h) {
					t.Errorf("%q is %q", k, v)
				}
			}
		}
		if n > maxParameters {
			t.Errorf("%d parts", n)
		}
	})
}

func TestNextQuery(t *testing.T) {
	for want, headers := range map[string][]string{
		"":             nil,
		"last=a&n=2":   {`</v2/x/tags/list?n=2&last=a>; rel="next"`},
		"last=b":       {`<https://u:p@evil.example/v2/y?last=b#f>; rel=next`},
		"last=c":       {`<x?last=p>; rel="prev", <?last=c>; title="t"; rel="next"`},
		"last=d":       {`<x?last=p>; rel="prev"`, `<?last=d>; rel="NEXT"`},
		"last=e":       {strings.Repeat("x", maxLink+1), `<?last=e>; rel=next`},
		"last=a%2Fb+c": {`<?last=a%2Fb%20c>; rel=next`},
	} {
		if got := nextQuery(headers); got != want {
			t.Errorf("%.200q: %q, want %q", headers, got, want)
		}
	}
	for _, h := range []string{"<", "<>", "<x", `<x>; rel="prev"`, `x; rel=next`, "<\x00?a=b>; rel=next", `<?a=b>`, "<<<<>>>>", `<?a=b>; rel`} {
		if got := nextQuery([]string{h}); got != "" {
			t.Errorf("%q: %q", h, got)
		}
	}
}

func FuzzNextQuery(f *testing.F) {
	f.Add(`</v2/x/tags/list?n=2&last=a>; rel="next"`)
	f.Add(`<x?last=p>; rel="prev", <?last=c>; title="t"; rel="next"`)
	f.Fuzz(func(t *testing.T, h string) {
		if got := nextQuery([]string{h}); strings.ContainsAny(got, "/#<> \r\n") {
			t.Errorf("%q", got)
		}
	})
}
