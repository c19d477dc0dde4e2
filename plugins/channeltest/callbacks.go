package channeltest

import (
	"context"
	"strings"
	"testing"

	"stagecraft/plugins/channel"
)

// large sends one message of 8 MB. What becomes of it is the connector's affair; the next one must be accepted.
func (s *suite) large(t *testing.T) {
	process, _ := s.configured(t)
	messages := s.messages(1)
	messages[0].Text = strings.Repeat("0123456 ", 1<<20)
	s.send(t, process, messages)
	accepted(t, s.send(t, process, s.messages(1)))
}

// callbacks makes requests that no provider makes, as anyone can: they must be answered and say nothing.
func (s *suite) callbacks(t *testing.T) {
	process, description := s.configured(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if !description.Callbacks {
		if _, reports, err := process.Callback(ctx, channel.Callback{Method: "POST"}); err == nil || len(reports) > 0 {
			t.Errorf("callbacks are not declared: %v, expected UNIMPLEMENTED", err)
		}
		return
	}
	form := map[string]string{"content-type": "application/x-www-form-urlencoded"}
	for _, in := range []channel.Callback{
		{},
		{Method: "GET", URL: "https://example.com/callbacks/x"},
		{Method: "GET", URL: "https://example.com/callbacks/x/../../y?a=%zz", Path: "/../../y"},
		{Method: "HEAD", URL: "::", Path: strings.Repeat("/a", 2000)},
		{Method: "DELETE", Headers: map[string]string{"": "", "content-type": "\xff"}},
		{Method: "POST", Headers: form, Body: []byte("a=%zz&=&b")},
		{Method: "POST", Headers: map[string]string{"content-type": "application/json"}, Body: []byte(`{"a":`)},
		{Method: "POST", Headers: map[string]string{"content-type": "application/json"}, Body: []byte(strings.Repeat("[", 100_000))},
		{Method: "POST", Headers: map[string]string{"content-type": "message/rfc822"}, Body: []byte("Subject: x\r\n\r\n\x00\xff")},
		{Method: "POST", Body: make([]byte, channel.MaxCallbackBytes)},
	} {
		reply, reports, err := process.Callback(ctx, in)
		if err != nil {
			t.Errorf("%s %.40q with %d bytes: %v", in.Method, in.Path, len(in.Body), err)
			continue
		}
		if reply.Status != 0 && (reply.Status < 200 || reply.Status > 599) || len(reply.Body) > channel.MaxReplyBytes {
			t.Errorf("%s %.40q with %d bytes: status %d, %d bytes", in.Method, in.Path, len(in.Body), reply.Status, len(reply.Body))
		}
		if len(reports) > 0 {
			t.Errorf("%s %.40q with %d bytes: reported %+v", in.Method, in.Path, len(in.Body), reports[0])
		}
	}
	accepted(t, s.send(t, process, s.messages(1)))
}
