package artifact

import (
	"strings"

	"github.com/plugstead/plugstead/version"
)

// TagOf returns the tag of a version. OCI tags have no plus sign, so that of build
// metadata becomes an underscore.
func TagOf(v version.Version) string { return strings.ReplaceAll(v.String(), "+", "_") }
