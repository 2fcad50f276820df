package plugcobra

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	var b strings.Builder
	table(&b, "NAME\tVERSION\tSUMMARY", func(add func(...any)) {
		add("acme/long-name", "1.0.0-beta.1", "One")
		add("acme/a", "1.0.0", "")
		add("acme/b", "1.0.0", "two\nlines\tand \x1b[31mred")
	})
	want := `NAME            VERSION       SUMMARY
acme/long-name  1.0.0-beta.1  One
acme/a          1.0.0
acme/b          1.0.0         two lines and  [31mred
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	b.Reset()
	table(&b, "", func(add func(...any)) { add("removed", "acme/a", "", "") })
	if b.String() != "removed  acme/a\n" {
		t.Errorf("%q", b.String())
	}
}
