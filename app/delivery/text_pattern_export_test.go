package delivery

// TextByPattern is the text of HTML in pieces, with a word between each two of them, as a template makes it that has made
// the same HTML with other words before. plain reports whether all words were plain enough for that.
func TextByPattern(pieces []string, before, words []string) (text, want string, plain bool) {
	var patterns textPatterns
	for _, with := range [][]string{before, words} {
		source, holes := pieces[0], []hole(nil)
		plain = true
		for i, piece := range pieces[1:] {
			plain = plain && isPlain(with[i])
			holes = append(holes, hole{len(source), len(source) + len(with[i])})
			source += with[i] + piece
		}
		if want = htmlToText(source); plain {
			text = patterns.text(source, holes)
		}
	}
	return text, want, plain
}

// TextOfHTML is what the text part of a mail is made by.
func TextOfHTML(source string) string { return htmlToText(source) }
