package inapp_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/channeltest"
	"stagecraft/plugins/inapp"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "plugin" {
		channel.Serve(inapp.New())
		return
	}
	os.Exit(m.Run())
}

func message(i int) channel.Message {
	return channel.Message{ID: fmt.Sprintf("%032x", i+1), To: "ada", Text: "Your order is on its way.", Attempt: 1, Kind: "transactional",
		Data: map[string]string{"title": "Thank you", "url": "https://shop.example/orders", "button": "See it"}}
}

func TestConformance(t *testing.T) {
	channeltest.Run(t, channeltest.Self(t, "plugin"), `{}`, channeltest.WithMessage(message), channeltest.WithRefusedSettings(`{"folder": "/tmp"}`, `1`))
}

func TestWhatMayStandInAnInbox(t *testing.T) {
	c := inapp.New()
	for _, test := range []struct {
		what    string
		change  func(*channel.Message)
		refused string // a part of the reason
	}{
		{"all there is", func(*channel.Message) {}, ""},
		{"a title alone", func(m *channel.Message) { m.Text, m.Data = " \n", map[string]string{"title": "Hello"} }, ""},
		{"a subject alone", func(m *channel.Message) { m.Text, m.Data, m.Subject = "", nil, "Hello" }, ""},
		{"a text alone", func(m *channel.Message) { m.Data = nil }, ""},
		{"nothing", func(m *channel.Message) { m.Text, m.Data = " ", map[string]string{"title": "\t"} }, "says nothing"},
		{"4 KB", func(m *channel.Message) { m.Text = strings.Repeat("a", 4096) }, ""},
		{"more", func(m *channel.Message) { m.Text = strings.Repeat("a", 4097) }, "4096 bytes"},
		{"a button that leads nowhere", func(m *channel.Message) { delete(m.Data, "url") }, "name its url"},
		{"a link without a button", func(m *channel.Message) { delete(m.Data, "button") }, ""},
	} {
		m := message(0)
		test.change(&m)
		holds(t, test.what, c.Send(t.Context(), []channel.Message{m}), test.refused)
	}
	for address, fine := range map[string]bool{"https://shop.example/a?b=c": true, "http://shop.example": true, "/cart": true, " /x ": true,
		"javascript:alert(1)": false, "JavaScript:alert(1)": false, "data:text/html,x": false, "mailto:a@b.c": false, "shop.example": false, "https://": false,
		"\x01javascript:alert(1)": false, "//evil.example/x": false, `/\evil.example`: false, "/\t/evil.example": false, "/" + strings.Repeat("a", 3000): false} {
		m, reason := message(0), "no address of a page"
		if m.Data["url"] = address; fine {
			reason = ""
		}
		holds(t, address, c.Send(t.Context(), []channel.Message{m}), reason)
	}
}

// holds checks a receipt: accepted, or refused for good with a reason that has these words.
func holds(t *testing.T, what string, receipts []channel.Receipt, reason string) {
	t.Helper()
	want := channel.Accepted
	if reason != "" {
		want = channel.Permanent
	}
	if len(receipts) != 1 || receipts[0].Outcome != want || !strings.Contains(receipts[0].Reason, reason) {
		t.Errorf("%q: %+v, want %v because %q", what, receipts, want, reason)
	}
}
