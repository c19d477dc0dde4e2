package sms

import "strings"

// The alphabet of text messages (3GPP TS 23.038, 6.2.1). One character takes seven bits; one of the extension table is an
// escape and a character, 14 bits together. The escape itself (0x1B) is no character.
const (
	basic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	extension = "\f^{}\\[~]|€"
)

// What fits into one message of 140 bytes, alone and, less the six bytes of the header of a concatenated message
// (3GPP TS 23.040, 9.2.3.24.1), as a part of several: units of seven bits, and UTF-16 units.
const (
	gsmAlone, gsmPart   = 160, 153
	ucs2Alone, ucs2Part = 70, 67
)

// size is what a text takes on the way.
type size struct {
	Unicode bool // it goes as UCS-2, because a character is not of the alphabet
	Units   int  // septets, or UTF-16 units
	Parts   int  // messages that are sent and charged
}

// measure counts the parts of a text. A character is never cut in two: what does not fit whole begins the next part.
func measure(text string) size {
	for _, r := range text {
		if septets(r) == 0 {
			return count(text, ucs2Units, true, ucs2Alone, ucs2Part)
		}
	}
	return count(text, septets, false, gsmAlone, gsmPart)
}

func count(text string, width func(rune) int, unicode bool, alone, part int) size {
	s := size{Unicode: unicode, Parts: 1}
	used := 0
	for _, r := range text {
		w := width(r)
		s.Units += w
		if used += w; used > part {
			s.Parts++
			used = w
		}
	}
	if s.Units <= alone {
		s.Parts = 1
	}
	return s
}

// septets is how many a character takes, 0 if it is not of the alphabet.
func septets(r rune) int {
	switch {
	case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == ' ':
		return 1
	case strings.ContainsRune(basic, r):
		return 1
	case strings.ContainsRune(extension, r):
		return 2
	}
	return 0
}

// ucs2Units is how many UTF-16 units a character takes.
func ucs2Units(r rune) int {
	if r > 0xFFFF {
		return 2
	}
	return 1
}
