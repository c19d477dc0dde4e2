package letter

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// errForeign is a PDF that is not as it was written here.
var errForeign = errors.New("it is not as it was written here")

// placed is an object of a PDF.
type placed struct {
	number int
	at     int
	body   []byte
}

// The parts of a PDF that are looked into. It has the classic cross-reference table of ISO 32000-1, 7.5.4, with entries of 20
// bytes, as the library writes it.
var (
	pdfEnd      = regexp.MustCompile(`startxref\n([0-9]{1,10})\n%%EOF\s*$`)
	pdfTable    = regexp.MustCompile(`^xref\n0 ([0-9]{1,7})\n`)
	pdfKids     = regexp.MustCompile(`/Kids \[([0-9 R]*)\]`)
	pdfKid      = regexp.MustCompile(`([0-9]{1,7}) 0 R`)
	pdfCount    = regexp.MustCompile(`/Count [0-9]+`)
	pdfContents = regexp.MustCompile(`/Contents ([0-9]{1,7}) 0 R`)
)

const xrefEntry = 20 // bytes

// cutPages returns a PDF of this package without some of its pages, the first of which is 1: their objects are gone, all
// others are as they were. At least one page must be left.
func cutPages(pdf []byte, drop func(page int) bool) ([]byte, error) {
	objects, tail, err := objectsOf(pdf)
	if err != nil {
		return nil, err
	}
	root := slices.IndexFunc(objects, func(o placed) bool { return o.number == 1 })
	if root < 0 {
		return nil, errForeign
	}
	tree := objects[root].body
	list := pdfKids.FindSubmatch(tree)
	if list == nil {
		return nil, errForeign
	}
	gone, kids, count := map[int]bool{}, []byte("/Kids ["), 0
	for i, kid := range pdfKid.FindAllSubmatch(list[1], -1) {
		page, _ := strconv.Atoi(string(kid[1])) // digits
		if !drop(i + 1) {
			kids, count = fmt.Appendf(kids, "%d 0 R ", page), count+1
			continue
		}
		at := slices.IndexFunc(objects, func(o placed) bool { return o.number == page })
		if at < 0 {
			return nil, errForeign
		}
		contents := pdfContents.FindSubmatch(objects[at].body)
		if contents == nil {
			return nil, errForeign
		}
		stream, _ := strconv.Atoi(string(contents[1]))
		gone[page], gone[stream] = true, true
	}
	if count == 0 {
		return nil, errors.New("no page would be left")
	}
	tree = pdfKids.ReplaceAllLiteral(tree, append(kids, ']'))
	objects[root].body = pdfCount.ReplaceAllLiteral(tree, fmt.Appendf(nil, "/Count %d", count))
	objects = slices.DeleteFunc(objects, func(o placed) bool { return gone[o.number] })
	return assemble(pdf[:firstOf(pdf)], objects, tail), nil
}

// tail is what follows the objects.
type tail struct {
	size    int // of the table: the highest number and one
	trailer []byte
}

// firstOf is where the first object begins, behind the header.
func firstOf(pdf []byte) int { return max(0, bytes.Index(pdf, []byte(" 0 obj"))-1) }

// objectsOf reads the objects of a PDF in the order in which they stand in it.
func objectsOf(pdf []byte) (objects []placed, end tail, err error) {
	last := pdfEnd.FindSubmatchIndex(pdf[max(0, len(pdf)-64):])
	if last == nil {
		return nil, end, errForeign
	}
	base := max(0, len(pdf)-64)
	table, err := strconv.Atoi(string(pdf[base+last[2] : base+last[3]]))
	if err != nil || table >= base+last[0] {
		return nil, end, errForeign
	}
	head := pdfTable.FindSubmatch(pdf[table:min(len(pdf), table+32)])
	if head == nil {
		return nil, end, errForeign
	}
	end.size, _ = strconv.Atoi(string(head[1]))
	entries := table + len(head[0])
	trailer := entries + end.size*xrefEntry
	if trailer >= base+last[0] || !bytes.HasPrefix(pdf[trailer:], []byte("trailer")) {
		return nil, end, errForeign
	}
	end.trailer = pdf[trailer : base+last[0]]
	for number := range end.size {
		entry := pdf[entries+number*xrefEntry:][:xrefEntry]
		if entry[17] != 'n' {
			continue
		}
		at, err := strconv.Atoi(string(entry[:10]))
		if err != nil || at < 0 || at >= table || !bytes.HasPrefix(pdf[at:], fmt.Appendf(nil, "%d 0 obj", number)) {
			return nil, end, errForeign
		}
		objects = append(objects, placed{number: number, at: at})
	}
	slices.SortFunc(objects, func(a, b placed) int { return a.at - b.at })
	for i := range objects {
		to := table
		if i+1 < len(objects) {
			to = objects[i+1].at
		}
		objects[i].body = pdf[objects[i].at:to]
	}
	return objects, end, nil
}

// assemble writes a PDF of objects; numbers that are missing become free.
func assemble(header []byte, objects []placed, end tail) []byte {
	out := bytes.NewBuffer(bytes.Clone(header))
	offsets := make([]int, end.size)
	for _, o := range objects {
		offsets[o.number] = out.Len()
		out.Write(o.body)
	}
	table := out.Len()
	fmt.Fprintf(out, "xref\n0 %d\n", end.size)
	for _, at := range offsets {
		if at == 0 {
			out.WriteString("0000000000 65535 f \n")
		} else {
			fmt.Fprintf(out, "%010d 00000 n \n", at)
		}
	}
	out.Write(end.trailer)
	fmt.Fprintf(out, "startxref\n%d\n%%%%EOF\n", table)
	return out.Bytes()
}
