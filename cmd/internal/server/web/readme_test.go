package web

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// hostile are texts by people who want more than to describe a plugin.
var hostile = []string{
	`<script>alert(1)</script>`,
	`<img src=x onerror=alert(1)>`,
	`<svg/onload=alert(1)>`,
	`<iframe src="https://evil.example"></iframe>`,
	`<style>*{display:none}</style>`,
	`<form action=//evil.example><input name=token><button>`,
	`<meta http-equiv=refresh content="0;url=//evil.example">`,
	`<base href="//evil.example/">`,
	`</section></main></body><h1>You won</h1>`,
	`[x](javascript:alert(1))`,
	`[x](JaVaScRiPt:alert(1))`,
	"[x](java\nscript:alert(1))",
	`[x](&#106;avascript:alert(1))`,
	`[x](data:text/html;base64,PHNjcmlwdD4=)`,
	`[x](vbscript:msgbox)`,
	`[x](//evil.example)`,
	`[x](/p/acme/other)`,
	`[x](https://ok.example "a\" onmouseover=alert(1)")`,
	`<javascript:alert(1)>`,
	`<https://ok.example/"onclick=alert(1)>`,
	`![x](javascript:alert(1))`,
	`![x"onload=alert(1)](https://img.example/x.png)`,
	`[![badge](https://img.example/b.svg)](https://ci.example)`,
	`![[inner](https://a.example)](https://b.example)`,
	"[ref]\n\n[ref]: javascript:alert(1)",
	"# <script>alert(1)</script>",
	"# x {onclick=alert(1)}",
	"# a\" onclick=alert(1) b",
	"# main\n# install\n# versions\n",
	"```html\"onclick=alert(1)\n</pre><script>alert(1)</script>\n```",
	"| a |\n|---|\n| <script>alert(1)</script></table></div> |",
	"| a |\n|:-:|\n| `</table>` <table> |",
	"`<pre>` <pre> </pre></pre>",
	"a<!-- --><b>b</b>--><script>",
	"<![CDATA[<script>alert(1)</script>]]>",
	"\x00<scr\x00ipt>alert(1)</scr\x00ipt>",
	"\xff\xfe<script>",
	"www.evil.example/\"><script>alert(1)</script>",
	"[a](#\"onclick=alert(1))",
	"[a](https://#x) <https://#x> [a](https://) [a](http:///p) [a](https:x) <mailto:?> [a](mailto:)",
	"[a](#x) ## b {#\" onclick=x}",
}

var allowedAttributes = map[string]*regexp.Regexp{
	"h2 id":          idPattern,
	"h3 id":          idPattern,
	"h4 id":          idPattern,
	"h5 id":          idPattern,
	"h6 id":          idPattern,
	"a href":         hrefPattern,
	"a rel":          regexp.MustCompile(`^nofollow noreferrer$`),
	"ol start":       startPattern,
	"th align":       alignPattern,
	"td align":       alignPattern,
	"pre tabindex":   regexp.MustCompile(`^0$`),
	"pre class":      regexp.MustCompile(`^plain$`),
	"div class":      regexp.MustCompile(`^scroll$`),
	"div role":       regexp.MustCompile(`^region$`),
	"div aria-label": regexp.MustCompile(`^Table$`),
	"div tabindex":   regexp.MustCompile(`^0$`),
}

var allowedElements = strings.Fields("h2 h3 h4 h5 h6 p br hr ul ol li strong em del code pre blockquote table thead tbody tr th td a div")

// checkReadme makes sure that out is balanced and holds nothing but what is allowed.
// It reads tokens, not a tree: a tree hides tags that close too much.
func checkReadme(t *testing.T, source, out string) {
	t.Helper()
	z := html.NewTokenizer(strings.NewReader(out))
	var open []string
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Fatalf("%q: %v is not closed in %q", source, open, out)
			}
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			tok := z.Token()
			if !slices.Contains(allowedElements, tok.Data) {
				t.Fatalf("%q: element %s in %q", source, tok.Data, out)
			}
			for _, a := range tok.Attr {
				if p := allowedAttributes[tok.Data+" "+a.Key]; p == nil || !p.MatchString(a.Val) {
					t.Fatalf("%q: attribute %s=%q of %s in %q", source, a.Key, a.Val, tok.Data, out)
				}
			}
			if tok.Data == "a" && slices.Contains(open, "a") {
				t.Fatalf("%q: link in a link in %q", source, out)
			}
			if kind == html.StartTagToken {
				open = append(open, tok.Data)
			}
		case html.EndTagToken:
			name := z.Token().Data
			if len(open) == 0 || open[len(open)-1] != name {
				t.Fatalf("%q: </%s> closes %v in %q", source, name, open, out)
			}
			open = open[:len(open)-1]
		case html.CommentToken, html.DoctypeToken:
			t.Fatalf("%q: %s in %q", source, z.Token(), out)
		}
	}
}

func TestHostileReadme(t *testing.T) {
	for _, s := range hostile {
		out, _, err := renderReadme(s)
		if err != nil {
			t.Fatal(err)
		}
		checkReadme(t, s, string(out))
	}
	out, _, err := renderReadme(strings.Join(hostile, "\n\n"))
	if err != nil {
		t.Fatal(err)
	}
	checkReadme(t, "all of them", string(out))
}

func TestReadme(t *testing.T) {
	const away = ` rel="nofollow noreferrer"`
	for source, want := range map[string]string{
		"# Hello, *you*":                            `<h2 id="readme-hello-you">Hello, <em>you</em></h2>`,
		"###### deep":                               `<h6 id="readme-deep">deep</h6>`,
		"[use](#hello)":                             `<p><a href="#readme-hello">use</a></p>`,
		"[top](#)":                                  `<p>top</p>`,
		"[more **here**](docs/more.md)":             `<p>more <strong>here</strong></p>`,
		"[x](HTTPS://a.example/?b&c)":               `<p><a href="https://a.example/?b&amp;c"` + away + `>x</a></p>`,
		"[m](mailto:a@b.example)":                   `<p><a href="mailto:a@b.example">m</a></p>`,
		"<https://#x> <irc://a.example>":            `<p>https://#x irc://a.example</p>`,
		"a@b.example":                               `<p><a href="mailto:a@b.example">a@b.example</a></p>`,
		"https://a.example":                         `<p><a href="https://a.example"` + away + `>https://a.example</a></p>`,
		"![a *cat*](https://i.example/c.png \"t\")": `<p><a href="https://i.example/c.png"` + away + `>a cat</a></p>`,
		"![](https://i.example/c.png)":              `<p><a href="https://i.example/c.png"` + away + `>picture</a></p>`,
		"![cat](cat.png)":                           `<p>cat</p>`,
		"[![ci](https://i.example/b.svg)](https://c.example)": `<p><a href="https://c.example"` + away + `>ci</a></p>`,
		"~~no~~ `a<b`\n\n---":             "<p><del>no</del> <code>a&lt;b</code></p>\n<hr/>",
		"3. a\n4. b":                      "<ol start=\"3\">\n<li>a</li>\n<li>b</li>\n</ol>",
		"```go\nx := 1\n```":              "<pre tabindex=\"0\"><code>x := 1\n</code></pre>",
		"<details>\n\ntext\n\n</details>": `<p>text</p>`,
		"|a|\n|-:|\n|1|":                  "<div class=\"scroll\" role=\"region\" aria-label=\"Table\" tabindex=\"0\"><table>\n<thead>\n<tr>\n<th align=\"right\">a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td align=\"right\">1</td>\n</tr>\n</tbody>\n</table></div>",
		"":                                "",
	} {
		out, cut, err := renderReadme(source)
		if got := strings.TrimSpace(string(out)); got != want || cut || err != nil {
			t.Errorf("%q:\n got %s\nwant %s (%v %v)", source, got, want, cut, err)
		}
	}
}

func TestReadmeEndsAtALine(t *testing.T) {
	line := strings.Repeat("word ", 15) + "\n"
	out, cut, err := renderReadme(strings.Repeat(line, maxReadme/len(line)+5))
	if err != nil || !cut || len(out) > maxReadme+100 || !strings.HasSuffix(strings.TrimSpace(string(out)), "word</p>") {
		t.Fatalf("%d bytes, cut %v, %v", len(out), cut, err)
	}
	for _, x := range []struct {
		in   string
		n    int
		want string
	}{{"ab\ncd", 4, "ab\n"}, {"aé", 2, "a"}, {"ab", 2, "ab"}, {"\ncd", 2, "\nc"}} {
		if got, cut := shorten(x.in, x.n); got != x.want || cut != (got != x.in) {
			t.Errorf("%q to %d: %q %v", x.in, x.n, got, cut)
		}
	}
}

func FuzzReadme(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Add("# a\n\n* b\n  1. c\n\n> d\n\n|e|\n|-|\n|f|\n\n```\ng\n```\n![h](https://i) [j](#k)\n")
	f.Fuzz(func(t *testing.T, s string) {
		out, _, err := renderReadme(s)
		if err != nil {
			t.Fatal(err)
		}
		checkReadme(t, s, string(out))
	})
}

// tiring are texts that make some renderers slow: on one line, and on lines of a
// length that people write.
func tiring() map[string]string {
	out := map[string]string{
		"nested":      strings.Repeat("[", maxReadme/8) + strings.Repeat("](u)", maxReadme/8),
		"cells":       strings.Repeat("|a", 1000) + "\n" + strings.Repeat("|-", 1000) + "\n" + strings.Repeat("|\n", maxReadme/2-2000),
		"some cells":  strings.Repeat("|a", 20) + "\n" + strings.Repeat("|-", 20) + "\n" + strings.Repeat("|\n", 990),
		"quote row":   strings.Repeat("> ", maxNesting) + "a\n" + strings.Repeat("b\n", maxReadme/2-200),
		"stairs":      stairs("* a"),
		"quoted":      strings.Repeat(strings.Repeat("> ", maxNesting)+"* a\n", maxReadme/70),
		"uses":        "[a]: b\n\n" + strings.Repeat("[a] ", maxReadme/4-3),
		"definitions": strings.Repeat("[a]: b\n\n", maxReadme/8),
	}
	for name, s := range map[string]string{
		"plain": "Some words of *text* and `code`. ", "quotes": "> ", "lists": "* ", "numbers": "1. ", "brackets": "[", "images": "![", "links": "[a](", "angle links": "[a](<b",
		"titles": `[a](b "`, "more titles": `[a](b '`, "references": "[a]: b ", "uses of nothing": "[a][b]", "title references": `[a]: b "`, "stars": "*a **a ", "closed stars": "*a_ ", "underlines": "_a __a ",
		"backticks": "`` ` ", "tildes": "~~a ~", "entities": "&amp", "numbered entities": "&#1", "urls": "http://a", "url dots": "http://a.b/(", "www": "www.a.b", "mail": "a@", "mail dots": "a.b-c@d.",
		"angles": "<a ", "attributes": "<a b='", "comments": "<!-- ", "instructions": "<?", "declarations": "<!A ", "cdata": "<![CDATA[", "headings": "# a ", "setext": "a\n=\n", "newlines": "\n", "pipes": "|", "rows": "a|b\n-|-\n",
		"backslashes": "\\", "tabs": "\t", "fences": "```\n", "rulers": "***\n", "growing": "",
	} {
		if s == "" {
			for i := 1; len(s) < maxReadme-i; i++ {
				s += strings.Repeat("`", i%200) + " "
			}
		}
		line := strings.Repeat(s, max(1, 100/len(s)))
		out[name+" on a line"] = strings.Repeat(s, max(1, maxReadme/len(s)))
		out[name+" on long lines"] = strings.Repeat(strings.Repeat(s, max(1, (maxReadmeLine-1)/len(s)))+"\n", max(1, maxReadme/(maxReadmeLine+1)))
		out[name+" on lines"] = strings.Repeat(line+"\n", max(1, maxReadme/(len(line)+1)))
		out[name+" in paragraphs"] = strings.Repeat(line+"\n\n", max(1, maxReadme/(len(line)+2)))
	}
	return out
}

// stairs is a list in a list in a list, as deep as fits.
func stairs(s string) string {
	var b strings.Builder
	for i := 0; b.Len()+2*i+len(s) < maxReadme-1; i++ {
		b.WriteString(strings.Repeat("  ", i) + s + "\n")
	}
	return b.String()
}

func TestTiringReadme(t *testing.T) {
	for name, s := range tiring() {
		out, _, err := renderReadme(s)
		if err != nil {
			t.Fatal(err)
		}
		checkReadme(t, name, string(out))
		if len(out) > 20*maxReadme {
			t.Errorf("%s: %d bytes become %d", name, len(s), len(out))
		}
	}
}

func BenchmarkReadme(b *testing.B) {
	for name, s := range tiring() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				out, _, _ := renderReadme(s)
				b.ReportMetric(float64(len(out)), "B/page")
			}
		})
	}
}
