package fetch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
)

// A pack is one file with many kept documents, each beside its compiled form: opening and
// checking thousands of small files takes longer than solving. docs/spec/index.md has its
// form: a line, the entries, a table of the names, and a footer that says where the table is.
// Reading it takes one read for the table and one for each name that is asked for; documents
// are read only to be copied. Table and entries have checksums, and what does not match is as
// if it were not there.

// packMagic is the first line of a pack of this form.
var packMagic = fmt.Sprintf("plugstead index pack 1.%d\n", index.CompiledFormat)

// Limits of a pack.
const (
	maxPack  = MaxIndexBytes // bytes in all
	maxTable = 64 << 20
	maxHead  = maxEntry + index.MaxDocument + 64 // one entry without the document
	footer   = 16                                // offset of the table, its length, its checksum
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errPack = errors.New("bad pack")

// place says where the entry of a name is: what is known of the document, then the document.
type place struct {
	offset    int64
	head, doc chunk
}

// chunk is one half of an entry.
type chunk struct {
	size     int
	checksum uint32
}

// pack is an open pack. A nil pack is empty.
type pack struct {
	f      *os.File
	places map[manifest.ID]place
	ranges index.Ranges
}

// openPack opens the pack at path; nil if none is there that can be used. The caller
// closes it.
func openPack(path string) *pack {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	p := &pack{f: f}
	if err := p.readTable(); err != nil {
		f.Close()
		return nil
	}
	return p
}

func (p *pack) close() {
	if p != nil {
		p.f.Close()
	}
}

// readTable reads the names.
func (p *pack) readTable() error {
	info, err := p.f.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	if size < int64(len(packMagic)+footer) || size > maxPack {
		return errPack
	}
	head, foot := make([]byte, len(packMagic)), make([]byte, footer)
	if _, err := p.f.ReadAt(head, 0); err != nil || string(head) != packMagic {
		return errPack
	}
	if _, err := p.f.ReadAt(foot, size-footer); err != nil {
		return err
	}
	offset, n := binary.LittleEndian.Uint64(foot), binary.LittleEndian.Uint32(foot[8:])
	if n > maxTable || offset != uint64(size-footer-int64(n)) {
		return errPack
	}
	b := make([]byte, n)
	if _, err := p.f.ReadAt(b, int64(offset)); err != nil || crc32.Checksum(b, castagnoli) != binary.LittleEndian.Uint32(foot[12:]) {
		return errPack
	}
	return p.parseTable(b, offset)
}

// parseTable reads a table in front of which stand size bytes.
func (p *pack) parseTable(b []byte, size uint64) error {
	r := fields{b: b}
	p.places = map[manifest.ID]place{}
	for len(r.b) > 0 {
		id, offset, head, doc := r.field(), r.uint(), r.chunk(maxHead), r.chunk(index.MaxDocument)
		if r.bad || offset > size || uint64(head.size+doc.size) > size-offset {
			return errPack
		}
		p.places[manifest.ID(id)] = place{int64(offset), head, doc}
	}
	return nil
}

// bytes reads a half of an entry into b, or into new memory if that is too small; nil if it
// is not whole.
func (p *pack) bytes(b []byte, offset int64, x chunk) []byte {
	if b = b[:0]; cap(b) < x.size {
		b = make([]byte, x.size)
	}
	b = b[:x.size]
	if _, err := p.f.ReadAt(b, offset); err != nil || crc32.Checksum(b, castagnoli) != x.checksum {
		return nil
	}
	return b
}

// head returns what is known of the document of id, and its compiled form; nil if nothing
// whole is there. The form is in *b, which is made larger if need be.
func (p *pack) head(id manifest.ID, b *[]byte) (e *entry, compiled []byte) {
	if p == nil {
		return nil, nil
	}
	at, ok := p.places[id]
	if !ok {
		return nil, nil
	}
	*b = p.bytes(*b, at.offset, at.head)
	return parseHead(*b)
}

// heads has memory for compiled forms, of which nothing is kept once they are read.
var heads = sync.Pool{New: func() any { return new([]byte) }}

// read returns what is kept of id, as [cache.read] does.
func (p *pack) read(id manifest.ID) (*entry, *index.Plugin) {
	b := heads.Get().(*[]byte)
	defer heads.Put(b)
	e, compiled := p.head(id, b)
	if e == nil || e.Digest == "" {
		return e, nil
	}
	q, err := index.ReadCompiled(compiled, &p.ranges)
	if err != nil || q.ID != id || q.Document != e.Digest {
		return nil, nil
	}
	return e, q
}

// document returns the document of id that the pack has; nil if it has none that is whole.
func (p *pack) document(id manifest.ID) []byte {
	if p == nil {
		return nil
	}
	at := p.places[id]
	return p.bytes(nil, at.offset+int64(at.head.size), at.doc)
}

// parseHead reads the first part of an entry; nil if it is none.
func parseHead(b []byte) (e *entry, compiled []byte) {
	r := fields{b: b}
	e = &entry{Revision: string(r.field()), Tag: string(r.field()), Digest: artifact.Digest(r.field())}
	if r.bad || e.Digest == "" && len(r.b) > 0 {
		return nil, nil
	}
	return e, r.b
}

// appendHead is the opposite of parseHead.
func appendHead(b []byte, e *entry, compiled []byte) []byte {
	for _, s := range []string{e.Revision, e.Tag, string(e.Digest)} {
		b = appendField(b, s)
	}
	return append(b, compiled...)
}

// fields reads numbers and strings with their length in front. After a mistake all are empty.
type fields struct {
	b   []byte
	bad bool
}

func (r *fields) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *fields) field() []byte {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.b, r.bad = nil, true
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// chunk reads a length of at most that many bytes, and a checksum.
func (r *fields) chunk(most uint64) chunk {
	n, sum := r.uint(), r.uint()
	if n > most || sum > 1<<32-1 {
		r.b, r.bad = nil, true
		return chunk{}
	}
	return chunk{int(n), uint32(sum)}
}

func appendField[T ~string | ~[]byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// packWriter writes a pack, entry by entry.
type packWriter struct {
	w     io.Writer
	at    int64
	table []byte
	has   map[manifest.ID]bool
}

// newPackWriter begins a pack.
func newPackWriter(w io.Writer) (*packWriter, error) {
	p := &packWriter{w: w, has: map[manifest.ID]bool{}}
	return p, p.write([]byte(packMagic))
}

func (p *packWriter) write(b []byte) error {
	n, err := p.w.Write(b)
	p.at += int64(n)
	return err
}

// add writes an entry, unless the pack would become too large.
func (p *packWriter) add(id manifest.ID, head, doc []byte) error {
	row := binary.AppendUvarint(appendField(nil, id), uint64(p.at))
	for _, b := range [][]byte{head, doc} {
		row = binary.AppendUvarint(row, uint64(len(b)))
		row = binary.AppendUvarint(row, uint64(crc32.Checksum(b, castagnoli)))
	}
	if len(p.table)+len(row) > maxTable || p.at+int64(len(head)+len(doc)+len(p.table)+len(row)+footer) > maxPack {
		return nil
	}
	p.table, p.has[id] = append(p.table, row...), true
	if err := p.write(head); err != nil {
		return err
	}
	return p.write(doc)
}

// end writes what comes behind the last entry.
func (p *packWriter) end() error {
	foot := binary.LittleEndian.AppendUint64(nil, uint64(p.at))
	foot = binary.LittleEndian.AppendUint32(foot, uint32(len(p.table)))
	foot = binary.LittleEndian.AppendUint32(foot, crc32.Checksum(p.table, castagnoli))
	return p.write(append(p.table, foot...))
}
