package script

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// formatNumber writes a number as Lua 5.1 does ("%.14g"), the same on every machine.
func formatNumber(f float64) string {
	switch {
	case f == math.Trunc(f) && math.Abs(f) < 1e15:
		return strconv.FormatInt(int64(f), 10)
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	return strconv.FormatFloat(f, 'g', 14, 64)
}

// parseNumber reads what Lua reads as a number: decimal with fraction and exponent, or 0x and hex digits.
func parseNumber(text string) (float64, bool) {
	text = strings.Trim(text, " \t\r\n\v\f")
	if len(text) > 400 {
		return 0, false
	}
	body, sign := text, 1.0
	if body != "" && (body[0] == '-' || body[0] == '+') {
		if body[0] == '-' {
			sign = -1
		}
		body = body[1:]
	}
	if len(body) > 2 && body[0] == '0' && body[1]|0x20 == 'x' {
		n, err := strconv.ParseUint(body[2:], 16, 64)
		return sign * float64(n), err == nil && !strings.ContainsAny(body[2:], "_+-")
	}
	for i := 0; i < len(body); i++ {
		if c := body[i]; !isDigit(c) && c != '.' && c|0x20 != 'e' && c != '-' && c != '+' {
			return 0, false
		}
	}
	if body == "" || body[0] == '-' || body[0] == '+' {
		return 0, false
	}
	n, err := strconv.ParseFloat(body, 64)
	if err != nil && !math.IsInf(n, 0) {
		return 0, false
	}
	return sign * n, true
}

// strFormat is string.format. Widths and precisions have two digits at most, as in C Lua.
func (m *machine) strFormat(L *lua.LState) int {
	layout := m.text(L, 1)
	m.charge(L, len(layout)/costBytes)
	var b strings.Builder
	arg := 1
	for i := 0; i < len(layout); i++ {
		c := layout[i]
		if c != '%' {
			b.WriteByte(c)
			continue
		}
		i++
		if i < len(layout) && layout[i] == '%' {
			b.WriteByte('%')
			continue
		}
		begin := i
		for i < len(layout) && strings.IndexByte("-+ #0", layout[i]) >= 0 {
			i++
		}
		if i-begin > 5 {
			L.RaiseError("string.format: repeated flags")
		}
		flags := layout[begin:i]
		width, next := digits(layout, i)
		i = next
		precision, has := "", false
		if i < len(layout) && layout[i] == '.' {
			has = true
			precision, i = digits(layout, i+1)
		}
		if i >= len(layout) || len(width) > 2 || len(precision) > 2 {
			L.RaiseError("string.format: the format %q is not complete or too wide; widths have at most two digits", cut(layout, 40))
		}
		if has && precision == "" {
			precision = "0"
		}
		arg++
		if arg > L.GetTop() {
			L.RaiseError("string.format: value %d is missing", arg-1)
		}
		m.formatOne(L, &b, layout[i], flags, width, precision, has, arg)
		if b.Len() > MaxStringBytes {
			m.tooLong(L)
		}
	}
	m.pushString(L, b.String())
	return 1
}

func digits(text string, i int) (string, int) {
	begin := i
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	return text[begin:i], i
}

func (m *machine) formatOne(L *lua.LState, b *strings.Builder, verb byte, flags, width, precision string, has bool, arg int) {
	dot := ""
	if has {
		dot = "." + precision
	}
	switch verb {
	case 'd', 'i', 'u':
		fmt.Fprintf(b, "%"+flags+width+dot+"d", m.whole(L, arg))
	case 'x', 'X', 'o':
		n := m.whole(L, arg)
		fmt.Fprintf(b, "%"+flags+width+dot+string(verb), uint64(n))
	case 'c':
		b.WriteByte(byte(m.whole(L, arg)))
	case 'e', 'E', 'f', 'F', 'g', 'G':
		if !has {
			dot = ".6"
		}
		n := m.number(L, arg)
		if math.IsInf(n, 0) || math.IsNaN(n) {
			fmt.Fprintf(b, "%"+strings.ReplaceAll(flags, "0", "")+width+"s", formatNumber(n))
			return
		}
		fmt.Fprintf(b, "%"+flags+width+dot+string(verb), n)
	case 'q':
		m.quote(L, b, m.text(L, arg))
	case 's':
		text := m.display(L, L.Get(arg))
		m.charge(L, len(text)/costBytes)
		if has {
			if n, _ := strconv.Atoi(precision); n < len(text) {
				text = text[:n]
			}
		}
		if n, _ := strconv.Atoi(width); n > len(text) {
			pad := strings.Repeat(" ", n-len(text))
			if strings.Contains(flags, "-") {
				text += pad
			} else {
				text = pad + text
			}
		}
		b.WriteString(text)
	default:
		L.RaiseError("string.format: %q is not a format; use %%d, %%s, %%f, %%g, %%x or %%q", "%"+string(verb))
	}
}

func (m *machine) quote(L *lua.LState, b *strings.Builder, text string) {
	m.charge(L, len(text)/costBytes)
	b.WriteByte('"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"', '\\', '\n':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\r':
			b.WriteString("\\r")
		case 0:
			b.WriteString("\\000")
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
}

// cut shortens a text for a message, at a character's border.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && text[n]&0xc0 == 0x80 {
		n--
	}
	return text[:n] + "…"
}
