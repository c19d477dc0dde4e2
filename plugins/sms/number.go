package sms

import (
	"errors"
	"strings"
)

// Digits of an international number (ITU-T E.164, 6.2): fifteen at most; there is none of less than seven that takes messages.
const (
	minDigits = 7
	maxDigits = 15
)

var errNumber = errors.New("the number is not an international phone number; write it like +84901234567")

// number is the E.164 form of a phone number. Spaces, dashes, dots and brackets are left out, 00 stands for +. Where
// country, a calling code such as "84", is set, a number that begins with 0 is one of that country, and one that begins
// with the code is taken for international without its plus.
func number(text, country string) (string, error) {
	if len(text) > 64 {
		return "", errNumber
	}
	digits := make([]byte, 0, maxDigits+2)
	plus := false
	for _, r := range strings.TrimSpace(text) {
		switch {
		case r >= '0' && r <= '9':
			digits = append(digits, byte(r))
		case r == '+' && !plus && len(digits) == 0:
			plus = true
		case r != ' ' && r != '-' && r != '.' && r != '(' && r != ')' && r != '\u00a0':
			return "", errNumber
		}
	}
	all := string(digits)
	switch {
	case plus:
	case strings.HasPrefix(all, "00"):
		all = all[2:]
	case country == "":
		return "", errNumber
	case strings.HasPrefix(all, "0"):
		all = country + all[1:]
	case !strings.HasPrefix(all, country):
		return "", errNumber
	}
	if len(all) < minDigits || len(all) > maxDigits || all[0] == '0' {
		return "", errNumber
	}
	return "+" + all, nil
}

// national is how a number is dialled within its country: with 0 in the place of the calling code. A number of another
// country keeps its digits.
func national(e164, country string) string {
	if rest, ok := strings.CutPrefix(e164, "+"+country); ok && country != "" {
		return "0" + rest
	}
	return e164[1:]
}
