package email

import (
	"fmt"
	"mime"
	"strings"
	"unicode"
)

// field is a header field as it is sent: value is folded, and ends without a line break.
type field struct{ name, value string }

// maxLine is how many bytes a line may have without its end (RFC 5322 2.1.1).
const maxLine = 998

// newField encodes and folds a header field. No value can end its line or hold another control character: oneLine takes
// them out of whatever comes from a message. Text outside of ASCII becomes encoded words (RFC 2047) unless raw, which is
// for addresses, whose names are encoded already and whose local parts SMTPUTF8 takes as they are (RFC 6532).
func newField(name, value string, raw bool) (field, error) {
	value = oneLine(value)
	if !raw {
		value = mime.QEncoding.Encode("UTF-8", value)
	}
	folded, longest := fold(value, len(name)+2)
	if longest > maxLine {
		return field{}, fmt.Errorf("the header %s has a word of more than %d bytes, which no mail server has to take", name, maxLine)
	}
	return field{name, folded}, nil
}

// fold breaks a value at single spaces so that lines have at most 76 bytes where that is possible. It returns the length
// of the longest line as well.
func fold(value string, column int) (folded string, longest int) {
	if column+len(value) <= 76 {
		return value, column + len(value)
	}
	out := make([]byte, 0, len(value)+len(value)/32)
	begin, space := 0, -1 // of the line; the last place where it may be broken
	for i := 0; i <= len(value); i++ {
		if i < len(value) && value[i] != ' ' {
			continue
		}
		if column+i-begin > 76 && space > begin {
			out = append(append(out, value[begin:space]...), "\r\n"...)
			longest = max(longest, column+space-begin)
			begin, column = space, 0 // the next line begins with the space
		}
		if i > 0 && i+1 < len(value) && value[i-1] != ' ' && value[i+1] != ' ' {
			space = i
		}
	}
	longest = max(longest, column+len(value)-begin)
	return string(append(out, value[begin:]...)), longest
}

// checkHeaderName takes the characters of RFC 5322 3.6.8 and refuses the headers that are the connector's own.
func checkHeaderName(name string) error {
	if name == "" || len(name) > 76 {
		return fmt.Errorf("%q is not the name of a header", name)
	}
	for i := 0; i < len(name); i++ {
		if name[i] <= ' ' || name[i] >= 0x7f || name[i] == ':' {
			return fmt.Errorf("%q is not the name of a header", name)
		}
	}
	lower := strings.ToLower(name)
	switch lower {
	case "from", "to", "cc", "bcc", "subject", "date", "message-id", "mime-version", "return-path", "received", "dkim-signature":
	default:
		if !strings.HasPrefix(lower, "content-") && !strings.HasPrefix(lower, "resent-") {
			return nil
		}
	}
	return fmt.Errorf("the header %s is set by the e-mail connector; take it out of the message", name)
}

// oneLine turns what would end a header's line, and other control characters, into spaces, and trims it.
func oneLine(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text))
}
