package web

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/memory"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/version"
)

// catalogue is a registry with its catalogue, for tests.
type catalogue struct {
	t       *testing.T
	backend registry.Backend
	api     *registrytest.Server
	url     string
	log     bytes.Buffer
}

func open(t *testing.T) *catalogue { return openOver(t, memory.New()) }

func openOver(t *testing.T, b registry.Backend) *catalogue {
	c := &catalogue{t: t, backend: b, api: registrytest.Serve(t, b)}
	s := httptest.NewServer(New(b, Options{Log: slog.New(slog.NewTextHandler(&c.log, nil))}))
	t.Cleanup(s.Close)
	c.url = s.URL
	return c
}

// publish packs and pushes a plugin with a README.
func (c *catalogue) publish(id, v, readme string, more ...string) {
	c.t.Helper()
	files := map[string]string{"plugin.yaml": plugintest.YAML(id, v, more...), "m.wasm": "\x00asm " + id + v}
	if readme != "" {
		files["README.md"] = readme
	}
	c.publishFiles(files)
}

func (c *catalogue) publishFiles(files map[string]string) {
	c.t.Helper()
	p := plugintest.PackFolder(c.t, plugintest.Folder(c.t, files))
	plugintest.Push(c.t, c.api.Client().Target(p.Manifest.ID), p)
}

func (c *catalogue) yank(id, v, reason string) {
	c.t.Helper()
	y := registry.Yank{ID: "acme/hello", Version: version.MustParse(v), Reason: reason}
	if string(y.ID) != id {
		c.t.Fatal("only acme/hello is withdrawn in tests")
	}
	if _, err := c.api.Client().Yank(c.t.Context(), y); err != nil {
		c.t.Fatal(err)
	}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (c *catalogue) do(method, path string, headers ...string) answer {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "identity") // the client would hide what is packed
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{w.StatusCode, w.Header, string(b)}
}

// get reads a page and checks what is true of every page.
func (c *catalogue) get(path string, status int) string {
	c.t.Helper()
	a := c.do("GET", path)
	if a.status != status {
		c.t.Fatalf("%s: %d, want %d\n%s", path, a.status, status, a.body)
	}
	checkPage(c.t, path, a)
	return a.body
}

// shows checks that a page holds texts.
func (c *catalogue) shows(path string, status int, want ...string) {
	c.t.Helper()
	body := c.get(path, status)
	for _, s := range want {
		if !strings.Contains(body, s) {
			c.t.Errorf("%s: no %q in\n%s", path, s, body)
		}
	}
}

// checkPage checks the rules of all pages: the policy, no scripts or styles inside,
// every id once, one h1, headings that skip no level, balanced tags, small.
func checkPage(t *testing.T, path string, a answer) {
	t.Helper()
	if a.header.Get("Content-Security-Policy") != policy || a.header.Get("X-Content-Type-Options") != "nosniff" ||
		a.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%s: %v", path, a.header)
	}
	if n := len(compress([]byte(a.body))); n > 30<<10 {
		t.Errorf("%s: %d bytes packed", path, n)
	}
	ids, h1 := map[string]bool{}, 0
	var open []string
	void := strings.Fields("meta link input br hr")
	for z := html.NewTokenizer(strings.NewReader(a.body)); ; {
		kind := z.Next()
		tok := z.Token()
		switch kind {
		case html.ErrorToken:
			if len(open) > 0 || h1 != 1 {
				t.Fatalf("%s: open %v, %d h1", path, open, h1)
			}
			return
		case html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != tok.Data {
				t.Fatalf("%s: </%s> closes %v", path, tok.Data, open)
			}
			open = open[:len(open)-1]
		case html.StartTagToken, html.SelfClosingTagToken:
			if slices.Contains([]string{"script", "style", "iframe", "object", "img", "base"}, tok.Data) {
				t.Fatalf("%s: element %s", path, tok)
			}
			if tok.Data == "h1" {
				h1++
			}
			for _, at := range tok.Attr {
				if strings.HasPrefix(at.Key, "on") || at.Key == "style" || at.Val == "" && at.Key == "href" {
					t.Fatalf("%s: %s", path, tok)
				}
				if at.Key == "id" && ids[at.Val] {
					t.Fatalf("%s: id %s twice", path, at.Val)
				}
				if at.Key == "id" {
					ids[at.Val] = true
				}
			}
			if kind == html.StartTagToken && !slices.Contains(void, tok.Data) {
				open = append(open, tok.Data)
			}
		}
	}
}

func TestEmpty(t *testing.T) {
	c := open(t)
	c.shows("/", 200, "No plugin has been published here yet")
	c.shows("/search?q=hello", 200, "Nothing matches")
	c.shows("/p/acme/hello", 404, "Nobody has published acme/hello here")
}

func TestPlugin(t *testing.T) {
	c := open(t)
	c.publishFiles(map[string]string{
		"plugin.yaml": `id: folio/toc
version: 1.2.0
summary: Adds a table of contents
license: Apache-2.0
keywords: [markdown, table of contents]
links: { source: "https://git.example.org/toc", docs: "https://docs.example.org/toc" }
provides: { folio.example.org/transform: "1.1" }
host: { folio: ">=0.3 <2" }
requires:
  folio/markdown: ^1.0
  folio/emoji: { range: ^2, optional: true }
conflicts: { folio/oldtoc: "*" }
runtimes:
  wasm: { module: toc.wasm }
  process: { platforms: { linux/amd64: bin/toc } }
capabilities: [ "fs:ro:assets", "net:api.example.org:443" ]
`,
		"toc.wasm": "\x00asm", "bin/toc": "#!", "README.md": "# Contents\n\nMakes *contents*. See [usage](#usage).\n\n## Usage\n",
	})
	c.shows(
		"/p/folio/toc", 200,
		"<h1>folio/toc", "1.2.0", "Adds a table of contents", "plugstead install --app folio folio/toc<",
		"read files under assets", "connect to api.example.org:443", "As WebAssembly it is held to this. As a program it has every right",
		`<h2 id="readme-contents">Contents</h2>`, `<a href="#readme-usage">usage</a>`, `<h3 id="readme-usage">`, "<em>contents</em>",
		"WebAssembly on every platform", "program on linux/amd64", "folio &gt;=0.3 &lt;2", "Apache-2.0",
		`<a href="/p/folio/markdown">folio/markdown</a> ^1.0`, "optional</span>", "folio/oldtoc</a> any version",
		`<a href="/search?point=folio.example.org%2Ftransform">folio.example.org/transform 1.1</a>`,
		`<a href="https://git.example.org/toc" rel="nofollow noreferrer">Source code</a>`, `<a href="/search?q=table&#43;of&#43;contents">table of contents</a>`,
		`<a href="/p/folio/toc/1.2.0" aria-current="page">1.2.0</a>`, "sha256:", `<time datetime="2`,
	)
	if s := c.get("/p/folio/toc", 200); strings.Contains(s, "for APP") || strings.Contains(s, "newer version") || strings.Contains(s, "noindex") {
		t.Error(s)
	}
	c.publish("acme/plain", "0.1.0", "")
	c.shows("/p/acme/plain", 200, "asks for nothing beyond", "held to this", "The author wrote no description", "--app APP acme/plain", "name of your application for APP")
}

// TestOffered follows a name from its first offer to its own release.
func TestOffered(t *testing.T) {
	c := open(t)
	c.shows("/p/acme/kv", 404, "Nobody has published acme/kv here.")
	c.publish("acme/redis", "3.0.0", "", "offers: { acme/kv: 1.1.0 }", "requires: { acme/early: { range: ^1, init: true } }",
		"any_of: [ { acme/one: ^1, zed/two: '*' }, { acme/three: ^2, zed/four: ^3 } ]")
	c.shows("/p/acme/kv", 200, "Nobody has published a plugin of this name here. This plugin offers it", `<a href="/p/acme/redis">acme/redis</a>`)
	c.shows("/p/acme/redis", 200, "Stands in for", `<a href="/p/acme/kv">acme/kv 1.1.0</a>`, `<a href="/p/acme/early">acme/early</a> ^1 <span class="badge">started before</span>`,
		"Requires one of", `<a href="/p/zed/two">zed/two</a> any version`, `<a href="/p/zed/four">zed/four</a> ^3`)
	c.publish("zed/memory", "1.0.0", "", "offers: { acme/kv: 1.0.0 }")
	for _, path := range []string{"/p/acme/kv", "/p/acme/kv/versions"} {
		c.shows(path, 200, "These plugins offer it", `<a href="/p/acme/redis">acme/redis</a>`, `<a href="/p/zed/memory">zed/memory</a>`)
	}
	c.shows("/p/acme/kv/1.1.0", 404, "acme/kv has no version 1.1.0.")
	c.publish("acme/kv", "2.0.0", "")
	c.shows("/p/acme/kv", 200, "2.0.0", "Also offered by", `<a href="/p/zed/memory">zed/memory</a>`)
	if strings.Contains(c.get("/p/acme/kv", 200), "Nobody has published") {
		t.Error("the page of a release says that there is none")
	}
}

func TestVersions(t *testing.T) {
	c := open(t)
	for _, v := range []string{"1.0.0", "1.1.0", "2.0.0-rc.1", "1.1.1+linux"} {
		c.publish("acme/hello", v, "# about "+v)
	}
	c.yank("acme/hello", "1.1.0", `eats "files" <b>& more`)
	c.shows("/p/acme/hello", 200, "1.1.1&#43;linux", "about 1.1.1", "withdrawn</span> <bdi>eats &#34;files&#34; &lt;b&gt;&amp; more</bdi>", "pre-release</span>", "acme/hello<")
	c.shows("/p/acme/hello/1.0.0", 200, "about 1.0.0", "There is a newer version", "acme/hello@1.0.0<")
	c.shows("/p/acme/hello/1.1.0", 200, "This version was withdrawn: <bdi>eats &#34;files&#34;", `Use <a href="/p/acme/hello">`, "noindex")
	c.shows("/p/acme/hello/2.0.0-rc.1", 200, "This is a pre-release", "The latest stable version is", "acme/hello@2.0.0-rc.1<")
	c.shows("/p/acme/hello/1.1.1+linux", 200, "about 1.1.1")
	c.shows("/p/acme/hello/versions", 200, "4 versions, the newest first")
	for _, path := range []string{"9.9.9", "1.0", "v1.0.0", "latest", "%00", "1.0.0%2F..", strings.Repeat("1", 500)} {
		c.shows("/p/acme/hello/"+path, 404, "No such version")
	}
	for _, v := range []string{"1.0.0", "1.1.1+linux", "2.0.0-rc.1"} {
		c.yank("acme/hello", v, "")
	}
	c.shows("/p/acme/hello", 200, "<span class=\"version\">2.0.0-rc.1</span>", "This version was withdrawn.", "No other version is offered", "noindex")
	c.shows("/", 200, "No plugin has been published here yet")
}

func TestManyVersions(t *testing.T) {
	c := open(t)
	n := versionsPerPage + 3
	for i := range n {
		c.publish("acme/hello", fmt.Sprintf("1.%d.0", i), "")
	}
	c.shows("/p/acme/hello", 200, fmt.Sprintf(`<a href="/p/acme/hello/versions">All %d versions</a>`, n))
	first, second := c.get("/p/acme/hello/versions", 200), c.get("/p/acme/hello/versions?page=2", 200)
	if strings.Count(first, "<tr>") != versionsPerPage+1 || strings.Count(second, "<tr>") != 3+1 || !strings.Contains(second, "page 2 of 2") ||
		!strings.Contains(first, `href="/p/acme/hello/versions?page=2" rel="next"`) || !strings.Contains(second, `href="/p/acme/hello/versions?page=1" rel="prev"`) {
		t.Error(first, second)
	}
	if at := func(v string) int { return strings.Index(first, ">"+v+"<") }; at("1.102.0") < 0 || at("1.102.0") > at("1.99.0") || at("1.99.0") > at("1.9.0") {
		t.Error("not the newest first")
	}
	for _, page := range []string{"0", "3", "-1", "x", "99999999999999999999"} {
		c.get("/p/acme/hello/versions?page="+page, 404)
	}
}

func TestSearch(t *testing.T) {
	c := open(t)
	c.publish("acme/hello", "1.0.0", "", "keywords: [friendly]")
	c.publish("acme/hello-world", "1.0.0", "")
	c.publish("zed/last", "1.0.0", "")
	c.shows("/", 200, "3 plugins", `<a href="/p/acme/hello">acme/hello</a>`, "The zed/last plugin")
	for query, want := range map[string]int{
		"q=hello": 2, "q=friendly": 1, "q=nothing": 0, "q=%22%27%3B--": 0, "point=acme.dev/greeter": 3, "point=acme.dev/other": 0,
		"runtime=wasm": 3, "runtime=process": 0, "q=++hello++": 2, "q=hello&runtime=wasm&point=acme.dev/greeter": 2, "q=hello+OR+last": 0,
	} {
		if got := strings.Count(c.get("/search?"+query, 200), `class="card"`); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	for query, want := range map[string]string{
		"q=" + strings.Repeat("x", 201): "too long", "q=%ff": "no text at all", "point=A+B": "looks like acme.dev/greeter", "runtime=cobol": "no such runtime", "point=%ff": "looks like",
	} {
		c.shows("/search?"+query, 400, want)
	}
	c.shows("/search?point=A+%22B", 400, `name="point" value="A &#34;B"`)
	c.shows("/search?q="+strings.Repeat("%C3%A9", 150), 400, `value="`+strings.Repeat("é", 100)+`"`)
	c.shows("/search?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", 200, "&#34;&gt;&lt;script&gt;")
	c.shows("/search?runtime=wasm", 200, `<option value="wasm" selected>`)
}

func TestManyResults(t *testing.T) {
	c := open(t)
	for i := range maxResults + 1 {
		c.publish(fmt.Sprintf("acme/p%d", i), "1.0.0", "")
	}
	if s := c.get("/", 200); strings.Count(s, `class="card"`) != maxResults || !strings.Contains(s, "The first 50 plugins") {
		t.Error(s)
	}
}

func TestUnknown(t *testing.T) {
	c := open(t)
	c.publish("acme/hello", "1.0.0", "")
	c.shows("/p/other/hello", 404, "Did you mean", `<a href="/p/acme/hello">`)
	c.shows("/p/acme/goodbye", 404, "Did you mean", `<a href="/p/acme/hello">`)
	c.shows("/p/Acme/hello", 404, "No such plugin", "namespace/name")
	c.shows("/p/acme/%3Cscript%3E", 404, "No such plugin")
	c.shows("/%3Cscript%3E", 404, "No such page", "&lt;script&gt;")
	c.shows("/"+strings.Repeat("a", 3000), 404, "No such page")
	c.shows("/static/x/style.css", 404, "No such page")
	for _, m := range []string{"POST", "PUT", "DELETE"} {
		if a := c.do(m, "/"); a.status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", m, a.status)
		}
	}
}

// TestHostileTexts publishes what strangers may publish and looks at every page.
func TestHostileTexts(t *testing.T) {
	c := open(t)
	c.publishFiles(map[string]string{
		"plugin.yaml": `id: acme/hello
version: 1.0.0
summary: '</title><script>alert(1)</script>" onload="alert(2)'
license: (MIT)
links: { source: "https://evil.example/\"onclick=alert(1)//<script>" }
provides: { acme.dev/greeter: "1.0" }
runtimes: { wasm: { module: m.wasm } }
`,
		"m.wasm": "\x00asm", "README.md": strings.Join(hostile, "\n\n"),
	})
	c.yank("acme/hello", "1.0.0", `</td><script>alert(1)</script>`)
	c.publish("acme/hello", "1.0.1", "# Fine", "license: MIT")
	for _, path := range []string{"/", "/search?q=hello", "/p/acme/hello", "/p/acme/hello/1.0.0", "/p/acme/hello/versions", "/p/acme/none"} {
		a := c.do("GET", path)
		checkPage(t, path, a)
		if strings.Contains(a.body, "<script") {
			t.Errorf("%s: %s", path, a.body)
		}
	}
}

// TestCrawl follows every link inside the site and wants no dead end.
func TestCrawl(t *testing.T) {
	c := open(t)
	c.publish("acme/hello", "1.0.0", "# Hello\n\n[down](#end) [away](../x)\n\n## End\n", "keywords: [one, two words]")
	c.publish("acme/hello", "1.1.0-rc.1+a.b", "# Hello\n")
	c.publish("acme/other", "1.0.0", "", "requires: { acme/hello: ^1 }")
	for i := range fewVersions + 1 {
		c.publish("acme/many", fmt.Sprintf("0.0.%d", i+1), "")
	}
	seen, todo := map[string]bool{}, []string{"/"}
	for len(todo) > 0 {
		at := todo[0]
		todo = todo[1:]
		if seen[at] {
			continue
		}
		seen[at] = true
		body := c.get(at, 200)
		for z := html.NewTokenizer(strings.NewReader(body)); z.Next() != html.ErrorToken; {
			tok := z.Token()
			if tok.Data != "a" || tok.Type != html.StartTagToken {
				continue
			}
			for _, a := range tok.Attr {
				u, err := url.Parse(a.Val)
				switch {
				case a.Key != "href":
				case err != nil:
					t.Errorf("%s: %v", at, err)
				case u.Host != "" || strings.HasPrefix(a.Val, "/.well-known/"):
				case strings.HasPrefix(a.Val, "#"):
					if !strings.Contains(body, `id="`+a.Val[1:]+`"`) {
						t.Errorf("%s: nothing at %s", at, a.Val)
					}
				default:
					todo = append(todo, a.Val)
				}
			}
		}
	}
	if len(seen) < 20 {
		t.Errorf("saw %d pages only: %v", len(seen), seen)
	}
}

func TestConditionalAndPacked(t *testing.T) {
	c := open(t)
	c.publish("acme/hello", "1.0.0", "# Hello")
	a := c.do("GET", "/p/acme/hello")
	tag := a.header.Get("ETag")
	if a.status != 200 || tag == "" || a.header.Get("Cache-Control") != "no-cache" || a.header.Get("Vary") != "Accept-Encoding" {
		t.Fatal(a.header)
	}
	for header, want := range map[string]int{tag: 304, "*": 304, `"x", ` + tag: 304, strings.TrimPrefix(tag, "W/"): 304, `"x"`: 200, "": 200} {
		if b := c.do("GET", "/p/acme/hello", "If-None-Match", header); b.status != want || (b.body == "") != (want == 304) {
			t.Errorf("%q: %d", header, b.status)
		}
	}
	head := c.do("HEAD", "/p/acme/hello")
	if head.status != 200 || head.body != "" || head.header.Get("Content-Length") != fmt.Sprint(len(a.body)) || head.header.Get("ETag") != tag {
		t.Error(head)
	}
	packed := c.do("GET", "/p/acme/hello", "Accept-Encoding", "br, gzip;q=0.8")
	z, err := gzip.NewReader(strings.NewReader(packed.body))
	if err != nil || packed.header.Get("Content-Encoding") != "gzip" {
		t.Fatal(packed.header, err)
	}
	if b, err := io.ReadAll(z); string(b) != a.body || err != nil {
		t.Error("the packed page is another one", err)
	}
	c.yank("acme/hello", "1.0.0", "bad")
	if b := c.do("GET", "/p/acme/hello", "If-None-Match", tag); b.status != 200 {
		t.Errorf("after a change: %d", b.status)
	}
	for header, want := range map[string]bool{"gzip": true, "GZIP": true, "gzip;q=0": false, "gzip; q=0.0": false, "": false, "br": false, "x-gzip": false, "gzip;q=x": false} {
		if acceptsGzip(header) != want {
			t.Errorf("%q: %v", header, !want)
		}
	}
}

func TestStatic(t *testing.T) {
	c := open(t)
	body := c.get("/", 200)
	for _, file := range []string{"style.css", "icon.svg"} {
		u := loadAssets()[file].url
		if !strings.Contains(body, `href="`+u+`"`) {
			t.Errorf("the page does not use %s", u)
		}
		a := c.do("GET", u)
		want, err := os.ReadFile(filepath.Join("static", file))
		if err != nil || a.status != 200 || a.body != string(want) || !strings.Contains(a.header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v %v", u, a.status, a.header, err)
		}
		if got := a.header.Get("Content-Type"); got != map[string]string{"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}[file] {
			t.Errorf("%s is sent as %s", file, got)
		}
		if len(a.body) > 12<<10 {
			t.Errorf("%s has %d bytes", file, len(a.body))
		}
	}
}
