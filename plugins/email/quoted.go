package email

// maxQuoted is how long a line may be without the sign that it goes on (RFC 2045 6.7, rule 5).
const maxQuoted = 75

// quote appends a text as quoted-printable (RFC 2045 6.7), with CRLF for each of its line breaks. "=_" in it becomes
// "=3D_", so that no boundary can be forged.
func quote(out []byte, text string) []byte {
	const hex = "0123456789ABCDEF"
	column := 0
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case isPlain(c):
			end := i + 1
			for end < len(text) && isPlain(text[end]) {
				end++
			}
			for word := text[i:end]; word != ""; {
				n := min(len(word), maxQuoted-column)
				out = append(out, word[:n]...)
				if word, column = word[n:], column+n; word != "" {
					out, column = append(out, "=\r\n"...), 0
				}
			}
			i = end
		case c == '\n' || c == '\r':
			if c == '\r' && i+1 < len(text) && text[i+1] == '\n' {
				i++
			}
			out, column = append(out, "\r\n"...), 0
			i++
		case (c == ' ' || c == '\t') && i+1 < len(text) && text[i+1] != '\n' && text[i+1] != '\r':
			if column == maxQuoted {
				out, column = append(out, "=\r\n"...), 0
			}
			out, column = append(out, c), column+1
			i++
		default:
			if column+3 > maxQuoted {
				out, column = append(out, "=\r\n"...), 0
			}
			out, column = append(out, '=', hex[c>>4], hex[c&15]), column+3
			i++
		}
	}
	return out
}

// isPlain reports whether a byte stands for itself wherever it is.
func isPlain(c byte) bool { return c > ' ' && c < 0x7f && c != '=' }
