package log

import (
	"bytes"
	"encoding/json"
	"time"

	"stagecraft/plugins/channel"
)

// line is what one message looks like in a file. ID stands second, where recall looks for it.
type line struct {
	Time    string            `json:"time"` // when it arrived here, RFC 3339 with nanoseconds
	ID      string            `json:"id"`
	Attempt int               `json:"attempt"`
	To      string            `json:"to"`
	Subject string            `json:"subject"`
	Text    string            `json:"text"`
	HTML    string            `json:"html"`
	Headers map[string]string `json:"headers"`
}

// lineWriter gathers the lines of a batch.
type lineWriter struct {
	buffer  bytes.Buffer
	encoder *json.Encoder
}

func (w *lineWriter) reset() {
	if w.buffer.Cap() > 4<<20 {
		w.buffer, w.encoder = bytes.Buffer{}, nil
	}
	w.buffer.Reset()
	if w.encoder == nil {
		w.encoder = json.NewEncoder(&w.buffer)
		w.encoder.SetEscapeHTML(false)
	}
}

func (w *lineWriter) message(now time.Time, m *channel.Message) {
	// Encoding texts into a buffer does not fail.
	_ = w.encoder.Encode(line{
		Time: now.Format(time.RFC3339Nano), ID: m.ID, Attempt: m.Attempt, To: m.To, Subject: m.Subject,
		Text: m.Text, HTML: m.HTML, Headers: m.Headers,
	})
}

// idOf finds the message ID in a line without decoding all of it; ok is false for a line of another make.
func idOf(text []byte) (id string, ok bool) {
	const before = `,"id":"`
	at := bytes.Index(text[:min(len(text), 80)], []byte(before))
	if at < 0 || !bytes.HasPrefix(text, []byte(`{"time":"`)) {
		return "", false
	}
	rest := text[at+len(before)-1:]
	end := 1
	for end < len(rest) && rest[end] != '"' {
		if rest[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(rest) || json.Unmarshal(rest[:end+1], &id) != nil {
		return "", false
	}
	return id, true
}
