package sms

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
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
	all, plus, ok := dialled(text)
	if !ok {
		return "", errNumber
	}
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

// leastSender is how many digits a number without a plus has at least that a provider names as the sender of a message: what is
// shorter may be a short code, or lack its calling code.
const leastSender = 10

// inbound is the E.164 form of the number that a provider names as a sender. It reads what number does, and beyond that takes 10
// to 15 digits that do not begin with 0 for international: that is how providers write numbers that they do not write with a
// plus. Only where national numbers have ten digits and no 0 in front, ten digits are a number of the country (ITU-T E.164;
// North American Numbering Plan; ITU-T E.129 of Mexico, Colombia and India).
func inbound(text, country string) (string, error) {
	all, plus, ok := dialled(text)
	if !ok || plus || len(all) < leastSender || len(all) > maxDigits || all[0] == '0' {
		return number(text, country)
	}
	if len(all) == leastSender && hasTenDigits(country) && !(country == "1" && all[0] == '1') {
		return "+" + country + all, nil
	}
	return "+" + all, nil
}

// hasTenDigits reports whether the national numbers of a country have ten digits, and are dialled without a 0 in front.
func hasTenDigits(country string) bool {
	return country == "1" || country == "52" || country == "57" || country == "91"
}

// dialled takes the signs out that people write between digits, and a (0) behind a calling code, which is dialled within the country
// only; plus says that there was one in front. Italy keeps its 0.
func dialled(text string) (digits string, plus, ok bool) {
	if len(text) > 64 {
		return "", false, false
	}
	if code, rest, found := strings.Cut(text, "(0)"); found {
		before, _, ok := dialled(code)
		if calling := strings.TrimLeft(before, "0"); ok && calling != "" && calling != "39" {
			text = code + rest
		}
	}
	found := make([]byte, 0, maxDigits+2)
	for _, r := range strings.TrimSpace(text) {
		switch {
		case r >= '0' && r <= '9':
			found = append(found, byte(r))
		case r == '+' && !plus && len(found) == 0:
			plus = true
		case r != ' ' && r != '-' && r != '.' && r != '(' && r != ')' && r != '\u00a0':
			return "", false, false
		}
	}
	return string(found), plus, true
}

// isProgram reports whether a sender is a short code, of three to eight digits, or a name: nobody who has a subscription.
func isProgram(from string) bool {
	if strings.ContainsFunc(from, unicode.IsLetter) {
		return true
	}
	digits, plus, ok := dialled(from)
	return ok && !plus && len(digits) >= 3 && len(digits) <= 8
}

// kindOf says what a text looks like, for a log that is to hold nobody's number.
func kindOf(text string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
	switch {
	case strings.TrimSpace(text) == "":
		return "nothing"
	case digits == "":
		return "a name"
	case digits[0] == '0':
		return fmt.Sprintf("%d digits that begin with 0", len(digits))
	}
	return fmt.Sprintf("%d digits", len(digits))
}

// national is how a number is dialled within its country: with 0 in the place of the calling code. A number of another
// country keeps its digits.
func national(e164, country string) string {
	if rest, ok := strings.CutPrefix(e164, "+"+country); ok && country != "" {
		return "0" + rest
	}
	return e164[1:]
}
