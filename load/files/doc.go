// Package files is the runtime of plugins that are files and nothing else: templates, themes,
// rules, translations. Nothing of them is run.
//
// An application reads them as an fs.FS: that of [Of], or of supervise.Plugin.Files, which
// goes on with the next version after an update.
//
//	for p := range host.Plugins(theme.Point) {
//		t, err := template.ParseFS(p.Files(), "*.html")
//	}
//
// What a plugin has in its folder was written by somebody else: an application that renders a
// template or follows a rule decides what that may do.
package files
