package cli

import (
	"bufio"
	"bytes"
	"io"
)

// line is one physical line of a source.
type line struct {
	number int    // 1-based
	text   []byte // without its line end
	end    string // "\n", "\r\n", or "" at the end of the source
	long   bool   // it is longer than MaxRowBytes; text is its beginning
}

// lineReader reads lines and can take lines back.
type lineReader struct {
	r      *bufio.Reader
	number int
	back   []line // lines taken back, the next one last
}

func newLineReader(r *bufio.Reader) *lineReader { return &lineReader{r: r} }

// unread gives a line back, to be the next one.
func (l *lineReader) unread(back line) { l.back = append(l.back, back) }

// next returns the next line, or io.EOF. Of a line that is too long it keeps the beginning and skips the rest.
func (l *lineReader) next() (line, error) {
	if n := len(l.back); n > 0 {
		taken := l.back[n-1]
		l.back = l.back[:n-1]
		return taken, nil
	}
	var text []byte
	long := false
	for {
		part, err := l.r.ReadSlice('\n')
		if room := MaxRowBytes + 2 - len(text); len(part) > room {
			text, long = append(text, part[:room]...), true
		} else {
			text = append(text, part...)
		}
		switch err {
		case bufio.ErrBufferFull:
			continue
		case nil:
		case io.EOF:
			if len(text) == 0 {
				return line{}, io.EOF
			}
		default:
			return line{}, err
		}
		break
	}
	l.number++
	read := line{number: l.number, text: text, long: long}
	switch {
	case long:
		read.end = "\n"
	case bytes.HasSuffix(text, []byte("\r\n")):
		read.text, read.end = text[:len(text)-2], "\r\n"
	case bytes.HasSuffix(text, []byte("\n")):
		read.text, read.end = text[:len(text)-1], "\n"
	}
	read.long = long || len(read.text) > MaxRowBytes
	return read, nil
}
