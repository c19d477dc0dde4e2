package app

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"strings"

	"stagecraft/app/lifecycle"
)

// maxFetchedItem is the most bytes of one piece of a document that is fetched: an object of its list.
const maxFetchedItem = 4 << 20

// unpack reads what is packed with gzip, told by its first bytes, so that it can be bounded as what it unpacks to.
func unpack(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	if magic, _ := buffered.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return buffered, nil
	}
	unpacked, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, lifecycle.Wrap(lifecycle.Invalid, err, "what was fetched is no whole gzip file")
	}
	return unpacked, nil
}

// linesOf makes lines of objects of a document that is a list of them, or has one at a path. What is not JSON, or lines
// already, stays as it is.
func linesOf(r io.Reader, items string) (io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	if items == "" && !beginsList(buffered) {
		return io.NopCloser(buffered), nil
	}
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(writeLines(writer, newItems(buffered), items)) }()
	return reader, nil
}

// beginsList reports whether the first thing in a document is a list, and goes on to it then.
func beginsList(r *bufio.Reader) bool {
	for n := 1; n <= 1000; n++ {
		head, err := r.Peek(n)
		if err != nil {
			return false
		}
		switch head[n-1] {
		case ' ', '\t', '\r', '\n', 0xef, 0xbb, 0xbf: // a byte order mark too
		case '[':
			_, _ = r.Discard(n - 1)
			return true
		default:
			return false
		}
	}
	return false
}

// items decodes a document piece by piece. None of them is held in memory that is larger than maxFetchedItem.
type items struct {
	*json.Decoder
	r    io.Reader
	left int // bytes that the piece may still take
}

func newItems(r io.Reader) *items {
	i := &items{r: r}
	i.Decoder = json.NewDecoder(i)
	return i
}

// Read gives the decoder what it reads.
func (i *items) Read(p []byte) (int, error) {
	if i.left <= 0 {
		return 0, lifecycle.Errorf(lifecycle.TooLarge, "a part of the document has more than %d MB", maxFetchedItem>>20)
	}
	n, err := i.r.Read(p[:min(len(p), i.left)])
	i.left -= n
	return n, err
}

// Token reads the next token.
func (i *items) Token() (json.Token, error) {
	i.left = maxFetchedItem
	return i.Decoder.Token()
}

// More reports whether there is another value in the list or object.
func (i *items) More() bool {
	i.left = maxFetchedItem
	return i.Decoder.More()
}

// Decode reads the next value.
func (i *items) Decode(value any) error {
	i.left = maxFetchedItem
	return i.Decoder.Decode(value)
}

// skip passes by the next value, however large it is.
func (i *items) skip() error {
	for depth := 0; ; {
		token, err := i.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// writeLines writes the objects of the list at a path, one a line.
func writeLines(w io.Writer, decoder *items, items string) error {
	if items != "" {
		for name := range strings.SplitSeq(items, ".") {
			if err := descend(decoder, name); err != nil {
				return err
			}
		}
	}
	if token, err := decoder.Token(); err != nil || token != json.Delim('[') {
		return lifecycle.Errorf(lifecycle.Invalid, "there is no list %s in the document", items)
	}
	var line bytes.Buffer
	for decoder.More() {
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return lifecycle.Wrap(lifecycle.Invalid, err, "the document is not JSON")
		}
		line.Reset()
		if err := json.Compact(&line, value); err != nil {
			return lifecycle.Wrap(lifecycle.Invalid, err, "the document is not JSON")
		}
		line.WriteByte('\n')
		if _, err := w.Write(line.Bytes()); err != nil {
			return err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return lifecycle.Wrap(lifecycle.Invalid, err, "the document breaks off")
	}
	return nil
}

// descend goes on to the value of a name in the object that comes.
func descend(decoder *items, name string) error {
	missing := lifecycle.Errorf(lifecycle.Invalid, "there is no %q in the document", name)
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return missing
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return lifecycle.Wrap(lifecycle.Invalid, err, "the document is not JSON")
		}
		if key == name {
			return nil
		}
		if err = decoder.skip(); err != nil {
			return lifecycle.Wrap(lifecycle.Invalid, err, "the document is not JSON")
		}
	}
	return missing
}
