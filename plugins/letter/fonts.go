package letter

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/go-fonts/liberation/liberationsansbold"
	"github.com/go-fonts/liberation/liberationsansitalic"
	"github.com/go-fonts/liberation/liberationsansregular"
	"golang.org/x/image/font"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/text/unicode/norm"
)

// style is a cut of the font. The values are what they are called in the PDF.
type style string

const (
	regular style = ""
	bold    style = "B"
	italic  style = "I"
)

// pointMM is a typographic point in millimetres.
const pointMM = 25.4 / 72

// face is one cut: its file and the widths of its letters.
type face struct {
	file   []byte
	font   *sfnt.Font
	buffer sfnt.Buffer
	widths map[rune]int32 // in thousandths of the font's size; -1: there is no such letter
}

// fonts are Liberation Sans (SIL Open Font License 1.1), which has all letters of Latin, Vietnamese, Greek and Cyrillic.
// They are used by one goroutine at a time.
type fonts map[style]*face

func loadFonts() (fonts, error) {
	all := fonts{}
	for cut, file := range map[style][]byte{regular: liberationsansregular.TTF, bold: liberationsansbold.TTF, italic: liberationsansitalic.TTF} {
		parsed, err := sfnt.Parse(file)
		if err != nil {
			return nil, fmt.Errorf("the font cannot be read: %w", err)
		}
		all[cut] = &face{file: file, font: parsed, widths: map[rune]int32{}}
	}
	return all, nil
}

// advance is how far a letter reaches, in thousandths of the size; ok is false if the font lacks it.
func (f *face) advance(r rune) (int32, bool) {
	if width, known := f.widths[r]; known {
		return width, width >= 0
	}
	width := int32(-1)
	if r > '\uFFFF' {
		// The PDF's maker has two bytes for a letter.
	} else if glyph, err := f.font.GlyphIndex(&f.buffer, r); err == nil && glyph != 0 {
		if reach, err := f.font.GlyphAdvance(&f.buffer, glyph, fixed.I(1000), font.HintingNone); err == nil {
			width = int32(reach.Round())
		}
	}
	f.widths[r] = width
	return width, width >= 0
}

// width is how wide a text is in millimetres, at a size in points.
func (f fonts) width(text string, cut style, size float64) float64 {
	face, sum := f[cut], int64(0)
	for _, r := range text {
		if reach, ok := face.advance(r); ok {
			sum += int64(reach)
		}
	}
	return float64(sum) / 1000 * size * pointMM
}

// lacks returns the first letter that is in none of the font's cuts.
func (f fonts) lacks(text string) (rune, bool) {
	for _, r := range text {
		for _, cut := range []style{regular, bold, italic} {
			if _, ok := f[cut].advance(r); !ok && r != '\n' {
				return r, true
			}
		}
	}
	return 0, false
}

// clean makes a text one that can be set: composed letters, as fonts draw them (NFC), and nothing that is invisible
// except spaces, line ends and no-break spaces.
func clean(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\r\n", "\n")
	return norm.NFC.String(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == ' ' || r == '\u00a0':
			return r
		case r == '\r' || r == '\u2028' || r == '\u2029':
			return '\n'
		case r == '\t' || unicode.Is(unicode.Zs, r):
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r):
			return -1
		}
		return r
	}, text))
}

// tidy makes a text one clean line.
func tidy(text string) string { return strings.Join(strings.Fields(clean(text)), " ") }
