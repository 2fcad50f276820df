package oci_test

import (
	"fmt"

	"github.com/plugstead/plugstead/registry/oci"
)

func ExampleParse() {
	n, err := oci.Parse("oci://GHCR.io:443/acme/plugins/")
	if err != nil {
		fmt.Println(err)
		return
	}
	repo, err := n.Repository("acme/hello")
	fmt.Println(n, "asks", n.Base(), "for", repo, err)
	// Output: oci://ghcr.io/acme/plugins asks https://ghcr.io for acme/plugins/acme/hello <nil>
}
