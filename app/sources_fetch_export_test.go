package app

import (
	"io"
	"net/http"
)

// NewFetcher is the client for what sources fetch, over another transport.
func NewFetcher(transport http.RoundTripper) *http.Client { return newFetcher(transport) }

// LinesOf unpacks a document and makes lines of the objects at a path in it.
func LinesOf(r io.Reader, items string) (io.ReadCloser, error) {
	unpacked, err := unpack(r)
	if err != nil {
		return nil, err
	}
	return linesOf(unpacked, items)
}
