package delivery

// WithLinks returns HTML with the addresses of its links changed.
func WithLinks(source string, change func(address string) string) string {
	return edited(source, editLinks(nil, source, change))
}
