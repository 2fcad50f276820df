package web

import (
	"strings"
	"testing"
)

func TestShape(t *testing.T) {
	table := "| a | b |\n|---|:-:|\n" + strings.Repeat("| 1 | 2 |\n", 1000)
	for name, x := range map[string]struct {
		source string
		want   bool
	}{
		"nothing":          {"", true},
		"text":             {strings.Repeat("*Some* words and `code_with_names`.\n", 40) + "\n", true},
		"long table":       {table, true},
		"many tables":      {strings.Repeat(table+"\n", 6), true},
		"too many cells":   {strings.Repeat(table+"\n", 10), false},
		"table, then text": {table + "\n" + strings.Repeat("text\n", 30_000), true},
		"wide table":       {strings.Repeat("|a", 500) + "\n" + strings.Repeat("|-", 500) + "\n" + strings.Repeat("|\n", 100), false},
		"quoted table":     {"> a|b\n> -|-\n" + strings.Repeat("> |\n", 20_000), false},
		"rule":             {strings.Repeat("-", 200) + "\n" + strings.Repeat("* ", 80) + "\n", true},
		"mixed rule":       {strings.Repeat("* - ", 40) + "\n", false},
		"nested":           {strings.Repeat("> ", maxNesting) + "a", true},
		"nested too deep":  {strings.Repeat(">", maxNesting+1) + "a", false},
		"lists too deep":   {strings.Repeat("1. * ", maxNesting) + "a", false},
		"long line":        {strings.Repeat("a", maxReadmeLine), true},
		"too long line":    {strings.Repeat("a", maxReadmeLine+1), false},
		"stars":            {strings.Repeat(strings.Repeat("*a ", 50)+"\n\n", 500), true},
		"stars together":   {strings.Repeat(strings.Repeat("*a ", 50)+"\n", 500), false},
	} {
		if got := rendersFast(x.source); got != x.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestUnshapelyReadmeIsText(t *testing.T) {
	out, cut, err := renderReadme(strings.Repeat(">", 100) + "<script> & [a](b)")
	want := `<pre class="plain" tabindex="0">` + strings.Repeat("&gt;", 100) + "&lt;script&gt; &amp; [a](b)</pre>"
	if string(out) != want || cut || err != nil {
		t.Fatalf("%s %v %v", out, cut, err)
	}
}
