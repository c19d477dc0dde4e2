package insight

import (
	"strings"
	"unicode"
)

// maxDigits is how many digits a word may have that is a code of a protocol: "404" and "5.1.1" are, "+84901234567" is not.
const maxDigits = 4

// impersonal leaves out of what a server said when it refused a message what names one customer or one message: addresses,
// numbers, IDs and links. What it said to the others is the same then, and the counters keep nothing of a person. The ledger has
// the whole of it.
func impersonal(reason string) string {
	words := strings.Fields(reason)
	for i, word := range words {
		digits := 0
		for _, r := range word {
			if unicode.IsDigit(r) {
				digits++
			}
		}
		if digits > maxDigits || strings.Contains(word, "@") || strings.Contains(word, "://") {
			words[i] = "…"
		}
	}
	return strings.Join(words, " ")
}
