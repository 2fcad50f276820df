package author

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/cmdline"
)

// Contract is an extension point as its Go package defines it.
type Contract struct {
	ID           string
	Major, Minor int
	Dir          string             // of the package
	Methods      []*contract.Method // that are not optional: to ask whether a plugin has them
}

// Contracts finds the definitions of the points that the plugin provides: in packages that
// are named by their folder or import path, and among those that its program is built from. It
// returns an error with the code E0001 for a named one without such a point.
func (f *Folder) Contracts(ctx context.Context, named []string) ([]Contract, error) {
	var out []Contract
	for _, pkg := range named {
		dir := pkg
		if st, err := os.Stat(pkg); err != nil || !st.IsDir() {
			if dir, err = Go(ctx, f.Dir, "list", "-f", "{{.Dir}}", "--", pkg); err != nil {
				return nil, err
			}
		}
		list, err := f.contractsIn(dir)
		if err == nil && len(list) == 0 {
			err = fmt.Errorf("no point that %s provides is defined there", f.Manifest.ID)
		}
		if err != nil {
			return nil, cmdline.New("E0001", "name the Go package in which contract.Define stands", "--contract %s: %w", pkg, err)
		}
		out = append(out, list...)
	}
	if !f.has("go.mod") {
		return out, nil
	}
	pkg, err := f.mainPackage(ctx)
	if err != nil || pkg == "" {
		return out, err
	}
	dirs, err := Go(ctx, f.Dir, "list", "-deps", "-f", "{{if not .Standard}}{{.Dir}}{{end}}", pkg)
	if err != nil {
		return nil, err
	}
	for dir := range strings.SplitSeq(dirs, "\n") {
		list, err := f.contractsIn(dir)
		if err != nil {
			return nil, err
		}
		for _, c := range list {
			if !slices.ContainsFunc(out, func(x Contract) bool { return x.ID == c.ID && x.Major == c.Major }) {
				out = append(out, c)
			}
		}
	}
	return out, nil
}

// contractsIn reads the points of a package that the plugin provides.
func (f *Folder) contractsIn(dir string) (out []Contract, err error) {
	if dir == "" {
		return nil, nil
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	files, err := parseFolder(dir, Library+"/contract")
	if err != nil {
		return nil, err
	}
	list := definitions(files)
	for _, d := range list {
		if d.f != "Define" || len(d.args) < 3 {
			continue
		}
		c := Contract{Dir: dir}
		id, err := strconv.Unquote(literal(d.args[0]))
		if err != nil {
			continue // made by a program
		}
		var errs [2]error
		c.ID = id
		c.Major, errs[0] = strconv.Atoi(literal(d.args[1]))
		c.Minor, errs[1] = strconv.Atoi(literal(d.args[2]))
		if errs != [2]error{} || !f.provides(c) {
			continue
		}
		c.Methods = required(list, d.name, c)
		out = append(out, c)
	}
	return out, nil
}

// provides reports whether plugin.yaml lists the point.
func (f *Folder) provides(c Contract) bool {
	for _, p := range f.Manifest.Provides {
		if p.ID == c.ID && p.Major == c.Major {
			return true
		}
	}
	return false
}

// kinds of methods, by the function that makes them.
var kinds = map[string]contract.Kind{
	"Unary": contract.KindUnary, "ServerStream": contract.KindServer,
	"ClientStream": contract.KindClient, "BidiStream": contract.KindBidi,
}

// required makes the methods of the point in a variable that are not optional.
func required(list []definition, point string, c Contract) (out []*contract.Method) {
	for _, d := range list {
		kind, ok := kinds[d.f]
		if !ok || len(d.args) < 2 || !isIdent(d.args[0], point) || slices.ContainsFunc(d.args[2:], optional) {
			continue
		}
		name, err := strconv.Unquote(literal(d.args[1]))
		if err != nil {
			continue
		}
		if m, err := contract.Relay(fmt.Sprintf("/%s.v%d/%s", c.ID, c.Major, name), kind, c.Minor, 0); err == nil {
			out = append(out, m)
		}
	}
	return out
}
