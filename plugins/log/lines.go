package log

import (
	"bufio"
	"errors"
	"io"
)

// lines reads the beginnings of lines, however long the lines are.
type lines struct {
	reader *bufio.Reader
	head   []byte
}

// headBytes is more than the time and the ID of a line take.
const headBytes = 1 << 10

func newLines(r io.Reader) *lines { return &lines{reader: bufio.NewReaderSize(r, 64<<10)} }

// next returns up to headBytes of the next line; the slice is valid until the next call.
func (l *lines) next() ([]byte, error) {
	l.head = l.head[:0]
	for first := true; ; first = false {
		part, err := l.reader.ReadSlice('\n')
		if room := headBytes - len(l.head); room > 0 {
			l.head = append(l.head, part[:min(room, len(part))]...)
		}
		switch {
		case err == nil:
			return l.head, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && (len(part) > 0 || !first):
			return l.head, nil
		default:
			return nil, err
		}
	}
}
