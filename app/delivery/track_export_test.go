package delivery

// WithLinks returns HTML with the addresses of its links changed, and tail before the end of its body.
func WithLinks(source, tail string, change func(address string) string) string {
	edits := editLinks(nil, source, change)
	if tail != "" {
		edits = insertEdit(edits, source, endOfBody(source), tail)
	}
	return edited(source, edits)
}
