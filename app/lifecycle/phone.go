package lifecycle

import (
	"strings"
	"sync/atomic"
)

// Digits of an international number (ITU-T E.164).
const (
	minPhoneDigits = 8
	maxPhoneDigits = 15
	minWholeDigits = 10 // of what is taken for a number without its plus: what is shorter may lack its calling code
)

// callingCode is that of the numbers that are written as within their country.
var callingCode atomic.Pointer[string]

// ReadNumbersOf lets telephone numbers that are written as within a country be read as its numbers, from here on and in the
// whole process: 0901234567 is +84901234567 with the calling code 84. With "" only international ones are numbers.
func ReadNumbersOf(code string) { callingCode.Store(&code) }

func digitsOnly(text string) bool { return strings.Trim(text, "0123456789") == "" }

func (c *Customer) phoneNumber() (address, problem string) {
	written, _ := c.Trait("phone").(string)
	if written = strings.TrimSpace(written); written == "" {
		return "", BecauseNoAddress
	}
	number, ok := dialled(written)
	if !ok {
		return "", BecauseBadAddress
	}
	return number, ""
}

// dialled reads a number, with or without the spaces and signs that people write: an international one, or one of the
// country of ReadNumbersOf. Two in one, +84 90 123 45 17 / 18, are none: which is meant is not known.
func dialled(written string) (number string, ok bool) {
	if before, _, slash := strings.Cut(written, "/"); slash { // else it parts the area from the rest, as in 030/901820
		if _, whole := dialled(before); whole {
			return "", false
		}
	}
	digits := withoutSigns(written)
	if code, rest, found := strings.Cut(written, "(0)"); found { // +84 (0)90 is +84 90, and 090 within the country
		code = withoutSigns(code)
		if calling := strings.TrimLeft(code, "+0"); calling != "" && calling != "39" { // Italy keeps its 0
			digits = code + withoutSigns(rest)
		}
	}
	digits, plus := strings.CutPrefix(digits, "+")
	if code := callingCode.Load(); !plus && code != nil && *code != "" && digitsOnly(digits) {
		digits, plus = international(digits, *code)
	}
	if !plus || len(digits) < minPhoneDigits || len(digits) > maxPhoneDigits || digits[0] == '0' || !digitsOnly(digits) {
		return "", false
	}
	return "+" + digits, true
}

// withoutSigns takes out what people write between digits.
func withoutSigns(written string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(" -.()/\u00a0", c) {
			return -1
		}
		return c
	}, written)
}

// international returns the digits of a number without its plus, with the calling code of a country in the place of what is
// dialled within it: 0, or 8 in the zone of the code 7, or nothing where national numbers have ten digits. Italy keeps its 0
// (the national numbering plans that ITU-T E.129 announces).
func international(digits, code string) (string, bool) {
	const national = 10 // digits, where there is one length
	rest, zero := strings.CutPrefix(digits, "0")
	switch {
	case strings.HasPrefix(rest, "0") && zero: // 00 stands for +
		return rest[1:], true
	case zero && code == "39":
		return code + digits, true
	case zero:
		return code + rest, true
	case code == "7" && len(digits) == 1+national && digits[0] == '8':
		return code + digits[1:], true
	case len(digits) == national && (code == "1" || code == "7" || code == "52" || code == "57" || code == "91"):
		return code + digits, true
	case len(digits) >= national && strings.HasPrefix(digits, code): // its plus was lost
		return digits, true
	}
	return "", false
}

// callingCodes are those of two digits (ITU-T E.164, list of assigned country codes). 1 and 7 have one, all others three.
const callingCodes = " 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 "

// withoutCallingCode returns the digits behind the calling code of a number in the form of E.164.
func withoutCallingCode(number string) string {
	digits := strings.TrimPrefix(number, "+")
	switch {
	case len(digits) < minPhoneDigits:
		return ""
	case digits[0] == '1' || digits[0] == '7':
		return digits[1:]
	case strings.Contains(callingCodes, " "+digits[:2]+" "):
		return digits[2:]
	}
	return digits[3:]
}
