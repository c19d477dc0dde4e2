package email

import "strings"

// gone tells from what a mail server said, and from a notification's status, whether the address does not exist any
// more, so that nothing is to be sent there again (a hard bounce). A full mailbox, a filter that took offence, a message
// that is too large or a server that could not be reached are about the moment or about the message.
func gone(said string) bool {
	vague := false
	for word := range strings.FieldsFuncSeq(said, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }) {
		// RFC 3463; the more telling code wins over one that says "other".
		switch word {
		case "5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10", "5.2.1":
			return true
		case "5.0.0", "5.1.0", "5.2.0", "5.3.0", "5.4.0", "5.5.0", "550", "551", "553":
			vague = true
		default:
			if strings.HasPrefix(word, "5.") && strings.Count(word, ".") == 2 || strings.HasPrefix(word, "4.") && strings.Count(word, ".") == 2 {
				return false
			}
		}
	}
	if !vague {
		return false
	}
	said = strings.ToLower(said)
	for _, words := range []string{
		"user unknown", "unknown user", "no such user", "no such recipient", "no such mailbox", "mailbox not found",
		"mailbox unavailable", "unknown recipient", "recipient unknown", "unknown mailbox", "does not exist", "doesn't exist",
		"address not found", "no mailbox here", "invalid mailbox", "account has been disabled", "unrouteable address",
	} {
		if strings.Contains(said, words) {
			return true
		}
	}
	return false
}
