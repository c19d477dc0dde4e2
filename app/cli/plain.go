package cli

import (
	"bytes"
	"io"
	"os"
	"slices"
	"unicode/utf8"

	"golang.org/x/term"
)

// harmless returns a stream to which what others have said can be written: customers choose their names, and a name with
// control codes could hide, or make up, what an operator reads on a terminal. Where no terminal is, programs read on, and
// nothing is changed.
func harmless(out io.Writer) io.Writer {
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return &harmlessText{out: out}
	}
	return out
}

// harmlessText writes text without control codes: each stands there as a question mark. Lines, tabs and our own colours are let
// through.
type harmlessText struct {
	out  io.Writer
	rest []byte // the beginning of a rune whose end comes with the next write
}

// ownColours are the codes that we write ourselves.
var ownColours = []string{bold, red, yellow, green, blue, faint, normal}

// Write never keeps back more than part of a rune.
func (p *harmlessText) Write(text []byte) (int, error) {
	data := slices.Concat(p.rest, text)
	out := make([]byte, 0, len(data))
	p.rest = nil
	for len(data) > 0 {
		if data[0] == 0x1b {
			if at := slices.IndexFunc(ownColours, func(code string) bool { return bytes.HasPrefix(data, []byte(code)) }); at >= 0 {
				out, data = append(out, ownColours[at]...), data[len(ownColours[at]):]
				continue
			}
		}
		if !utf8.FullRune(data) {
			p.rest = data
			break
		}
		r, size := utf8.DecodeRune(data)
		switch {
		case r == '\n', r == '\t', r == '\r' && len(data) > 1 && data[1] == '\n':
			out = append(out, data[:size]...)
		case r < ' ', r >= 0x7f && r < 0xa0, r == utf8.RuneError && size == 1, mirrors(r):
			out = append(out, '?')
		default:
			out = append(out, data[:size]...)
		}
		data = data[size:]
	}
	if _, err := p.out.Write(out); err != nil {
		return 0, err
	}
	return len(text), nil
}

// mirrors reports whether a rune turns the direction of the text behind it, which lets a line read otherwise than it is.
func mirrors(r rune) bool { return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 }
