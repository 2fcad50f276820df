// Package install is step 7 of 10: it places verified plugins and switches the
// installed set.
//
// An installation folder holds unpacked payloads, each written once under the
// digest of its archive, and generations: numbered files, each made once, that
// say which plugins are installed. The valid one with the highest number is
// active. So a change of several plugins happens at one instant, readers need no
// lock, and going back is making a new generation equal to an old one.
//
//	DIR/lock                      held by whoever changes the folder
//	DIR/generations/00000007.json a generation
//	DIR/trees/<sha256>/           an unpacked payload
//	DIR/trees/<sha256>.json       its completion record; without it the tree is garbage
//	DIR/staging/                  half-finished work, swept by the next change
//	DIR/data/<namespace>/<name>/  private folder of a plugin, kept on update
//
// A change is [Dir.Begin], [Tx.Add] and [Tx.Keep], then [Tx.Commit] or
// [Tx.Abort]. A kill at any instant leaves the old or the new set, whole.
package install
