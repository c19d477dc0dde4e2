package script

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"stagecraft/app/lifecycle"
)

var quotedName = regexp.MustCompile(`"(?:[^"\\\\]|\\\\.)*"`)

// failed notes an error of the compiler. It knows no column, but mostly the name that it is about.
func (r *review) failed(err *lifecycle.Error) {
	text, _ := r.c.Source(err.File)
	line, message, hint, about := max(err.Line, 1), err.Message, err.Hint, ""
	if err.Cause != nil {
		message += ": " + err.Cause.Error()
	}
	switch {
	case !strings.HasSuffix(err.File, ".lua"):
		if quoted := quotedName.FindString(message); quoted != "" {
			about, _ = strconv.Unquote(quoted)
		}
	case r.syntax(err, text):
		return
	default:
		line, about = subject(r.tokensOf(err.File, text), line, message)
		if name, ok := strings.CutPrefix(message, "unknown word "); ok && !strings.HasPrefix(hint, "did you mean") {
			hint = r.localMeant(err.File, name, hint)
		}
		if hint == "" && strings.Contains(message, "is not a duration") {
			hint = durationMeant(about)
		}
	}
	r.say(err.File, line, about, Bad, hint, message)
}

// subject finds what a message is about: a name that it quotes, on its line or in the brackets that begin there, or the
// word of the language that it begins with or forbids.
func subject(all []token, line int, message string) (int, string) {
	var quoted []string
	for _, q := range quotedName.FindAllString(message, 4) {
		if name, err := strconv.Unquote(q); err == nil {
			quoted = append(quoted, name)
		}
	}
	for _, name := range quoted {
		if has(all, line, name) {
			return line, name
		}
	}
	for _, name := range quoted {
		if at := below(all, line, name); at > 0 {
			return at, name
		}
	}
	if field, ok := strings.CutPrefix(message, "there is no "); ok {
		if _, name, ok := strings.Cut(field, "."); ok && has(all, line, name) {
			return line, name
		}
	}
	begin, _, _ := strings.Cut(message, " ")
	_, forbidden, _ := strings.Cut(message, "cannot ")
	forbidden, _, _ = strings.Cut(forbidden, ":")
	for _, name := range []string{begin, forbidden} {
		if name != "" && has(all, line, name) {
			return line, name
		}
	}
	return line, ""
}

// below returns the line of a name inside the brackets that open on a line; 0 if it is not there.
func below(all []token, line int, name string) int {
	depth := 0
	for _, t := range all {
		if t.line < line {
			continue
		}
		if t.line > line && depth <= 0 {
			return 0
		}
		switch {
		case t.text == name:
			return t.line
		case t.quoted:
		case t.text == "(" || t.text == "{":
			depth++
		case t.text == ")" || t.text == "}":
			depth--
		}
	}
	return 0
}

// localMeant looks for an unknown name among the names of its own file.
func (r *review) localMeant(file, quoted, otherwise string) string {
	name, err := strconv.Unquote(quoted)
	if err != nil || otherwise != spellingHint {
		return otherwise
	}
	for _, u := range r.order {
		if u.full == file {
			own := slices.Clone(u.declared)
			slices.Sort(own)
			own = slices.Compact(own)
			return didYouMean(name, own[:min(len(own), 500)], otherwise)
		}
	}
	return otherwise
}
