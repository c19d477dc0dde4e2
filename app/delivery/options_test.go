package delivery_test

import (
	"strings"
	"testing"

	"stagecraft/app/lifecycle"
)

// The subject and the preheader that a send names stand in for those of the template. They are Liquid like those.
func TestOptionsOfASend(t *testing.T) {
	p := newPost(t, newConnector())
	p.run()
	ada := p.customer("email", address, "first_name", "Ada")
	m, plain := p.message(ada, owed, "hello"), p.message(ada, owed, "hello")
	m.Options = map[string]string{"subject": "Only today,\n{{ customer.first_name }}", "preheader": "For {{ customer.first_name }} alone"}
	empty := p.message(ada, owed, "hello")
	empty.Options = map[string]string{"subject": ""}
	p.put(m, plain, empty)
	p.becomes(m, lifecycle.Accepted)
	p.becomes(plain, lifecycle.Accepted)
	p.becomes(empty, lifecycle.Accepted)
	sent := p.connector.sendings(m)[0]
	if sent.Subject != "Only today, Ada" || !strings.Contains(sent.HTML, "For Ada alone") || !strings.Contains(sent.Text, "Good to see you") {
		t.Errorf("what was sent: %+v", sent)
	}
	if subject := p.connector.sendings(plain)[0].Subject; subject != "Hello Ada" {
		t.Errorf("the next one's subject is %q", subject)
	}
	if subject := p.connector.sendings(empty)[0].Subject; subject != "" {
		t.Errorf("the empty subject is %q", subject)
	}
}

// An error in an option says where the send stands, and spoils no other message.
func TestABrokenOption(t *testing.T) {
	p := newPost(t, newConnector())
	p.run()
	ada := p.customer("email", address)
	var messages []*lifecycle.Message
	for _, subject := range []string{"Hello {{ customer.first_name", "Hello {{ customer.first_name }}", "Hello {% pigeon %}"} {
		m := p.message(ada, owed, "hello")
		m.File, m.Line, m.Options = "j/a.lua", 12, map[string]string{"subject": subject}
		messages = append(messages, m)
	}
	p.put(messages...)
	for _, m := range messages {
		if full := p.becomes(m, lifecycle.Failed); !strings.Contains(full.Reason, "subject") || !strings.Contains(full.Reason, "(j/a.lua:12)") {
			t.Errorf("%s: the reason is %q", m.Options["subject"], full.Reason)
		}
	}
	p.becomes(p.send(ada, owed, "hello"), lifecycle.Accepted)
}
