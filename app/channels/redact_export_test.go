package channels

import "encoding/json"

// Hide lets tests see what is hidden of a connector's words.
func Hide(schema, settings json.RawMessage, text string) string {
	return newVeil(schema, settings).over(text)
}
