package sms

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"stagecraft/plugins/channel/words"
)

// typography is what word processors make of plain characters, and letters that no mark can be taken off. One curly quote
// would turn a message of one part into one of three.
var typography = strings.NewReplacer(
	"‘", "'", "’", "'", "‚", "'", "“", "\"", "”", "\"", "„", "\"", "‹", "<", "›", ">", "«", "\"", "»", "\"", "′", "'", "″", "\"",
	"‐", "-", "‑", "-", "‒", "-", "–", "-", "—", "-", "−", "-", "…", "...", "•", "*", "·", ".", "`", "'", "´", "'",
	"\u00a0", " ", "\u2002", " ", "\u2003", " ", "\u2009", " ", "\u202f", " ", "\u200b", "", "\ufeff", "", "\t", " ",
)

// prepare makes the text that is sent: composed (a letter and its mark are one character), with plain line ends, without
// control characters, and, where that spares it from going as UCS-2, with typographic signs written plainly. With plain,
// further letters lose their marks for that, so that "Cảm ơn bạn" goes as "Cam on ban".
func prepare(text string, plain bool) string {
	text = norm.NFC.String(strings.ToValidUTF8(text, "\uFFFD"))
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, text))
	simple := typography.Replace(text)
	if plain {
		simple = unmark(simple)
	}
	if measure(simple).Unicode {
		return text
	}
	return simple
}

// unmark takes the marks off the letters that are not of the alphabet.
func unmark(text string) string {
	var out strings.Builder
	out.Grow(len(text))
	for _, r := range text {
		if septets(r) > 0 {
			out.WriteRune(r)
			continue
		}
		out.WriteString(words.Unmark(string(r)))
	}
	return out.String()
}
