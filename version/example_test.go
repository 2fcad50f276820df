package version_test

import (
	"fmt"

	"github.com/plugstead/plugstead/version"
)

func ExampleRange_Has() {
	r := version.MustParseRange("^1.2 || >=3.0.0-rc.1")
	for _, s := range []string{"1.9.0", "2.0.0", "3.0.0-rc.2", "3.1.0-rc.1"} {
		fmt.Println(s, r.Has(version.MustParse(s)))
	}
	// Output:
	// 1.9.0 true
	// 2.0.0 false
	// 3.0.0-rc.2 true
	// 3.1.0-rc.1 false
}
