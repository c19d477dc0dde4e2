package lifecycle

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// The words with which programs and lists say yes and no, as PlainWord writes them.
var (
	yesWords = []string{"yes", "y", "true", "t", "1", "x", "on", "checked"}
	noWords  = []string{"no", "n", "false", "f", "0", "off", "unchecked"}
	inWords  = []string{"subscribed", "opted in", "opt in", "optin"}
	outWords = []string{"unsubscribed", "unsubscribe", "opted out", "opt out", "optout"}
)

// PlainWord brings a word into the form in which words are compared: lower case, with one space where there are spaces, hyphens or
// underscores.
func PlainWord(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r == ' ' || r == '-' || r == '_' }), " ")
}

// SaysYes reads what a word says of somebody's being written to: that it is allowed, or, if out is true, that it is refused, of
// which "unsubscribed" is a yes and "subscribed" a no. known is false for any other word: nothing is guessed of it.
func SaysYes(text string, out bool) (yes, known bool) {
	yeses, noes := inWords, outWords
	if out {
		yeses, noes = noes, yeses
	}
	switch plain := PlainWord(text); {
	case slices.Contains(yesWords, plain), slices.Contains(yeses, plain):
		return true, true
	case slices.Contains(noWords, plain), slices.Contains(noes, plain):
		return false, true
	}
	return false, false
}

// OptOutValue brings a value of OptOutTrait into the form in which it is kept: a yes and a no, as other programs write them ("yes",
// 1), become true and false. What is neither, such as null, stays as it is.
func OptOutValue(value json.RawMessage) json.RawMessage {
	var said any
	if json.Unmarshal(value, &said) != nil {
		return value
	}
	var text string
	switch said := said.(type) {
	case string:
		text = said
	case float64:
		text = strconv.FormatFloat(said, 'f', -1, 64)
	default:
		return value
	}
	if yes, known := SaysYes(text, true); known {
		return strconv.AppendBool(nil, yes)
	}
	return value
}
