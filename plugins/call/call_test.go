package call_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"stagecraft/plugins/call"
	"stagecraft/plugins/channel"
	"stagecraft/plugins/channeltest"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "plugin" {
		channel.Serve(call.New())
		return
	}
	os.Exit(m.Run())
}

func message(i int) channel.Message {
	return channel.Message{ID: fmt.Sprintf("%032x", i+1), To: "+442079460001", Text: "Good morning, Ada.", Attempt: 1, Kind: "transactional",
		Data: map[string]string{"reason": "Ask how it went", "priority": "high"}}
}

func TestConformance(t *testing.T) {
	channeltest.Run(t, channeltest.Self(t, "plugin"), `{}`, channeltest.WithMessage(message), channeltest.WithRefusedSettings(`{"number": 1}`, `1`))
}

func TestWhatAnAgentCanWorkWith(t *testing.T) {
	c := call.New()
	for _, test := range []struct {
		what    string
		change  func(*channel.Message)
		refused string // a part of the reason
	}{
		{"all there is", func(*channel.Message) {}, ""},
		{"a number of its own", func(m *channel.Message) { m.Data["number"] = "1900 1234, then 2" }, ""},
		{"a number of its own, and none of the customer", func(m *channel.Message) { m.To, m.Data["number"] = "", "1900 1234" }, ""},
		{"no number", func(m *channel.Message) { m.To = "" }, "can be dialled"},
		{"a service", func(m *channel.Message) { m.Data["number"] = "*100#" }, ""},
		{"an extension", func(m *channel.Message) { m.Data["number"] = "(020) 7946 0001 ext. 12" }, ""},
		{"words with a digit", func(m *channel.Message) { m.Data["number"] = "call me at 500" }, "can be dialled"},
		{"a link", func(m *channel.Message) { m.Data["number"] = "tel:+849012" }, "can be dialled"},
		{"digits that no telephone has", func(m *channel.Message) { m.Data["number"] = "٠٩٠١٢" }, "can be dialled"},
		{"two digits", func(m *channel.Message) { m.Data["number"] = "12" }, "can be dialled"},
		{"words", func(m *channel.Message) { m.Data["number"] = "the office" }, "can be dialled"},
		{"two lines", func(m *channel.Message) { m.Data["number"] = "1900\r\n1234" }, "can be dialled"},
		{"a long number", func(m *channel.Message) { m.Data["number"] = strings.Repeat("1", 101) }, "can be dialled"},
		{"a reason alone", func(m *channel.Message) { m.Text = "" }, ""},
		{"a subject alone", func(m *channel.Message) { m.Text, m.Data, m.Subject = " ", nil, "Ask" }, ""},
		{"nothing to say", func(m *channel.Message) { m.Text, m.Data = "\n", nil }, "what to say"},
		{"64 KB", func(m *channel.Message) { m.Text = strings.Repeat("a", 64<<10) }, ""},
		{"more", func(m *channel.Message) { m.Text = strings.Repeat("a", 64<<10+1) }, "65536 bytes"},
	} {
		m := message(0)
		test.change(&m)
		receipts, want := c.Send(t.Context(), []channel.Message{m}), channel.Accepted
		if test.refused != "" {
			want = channel.Permanent
		}
		if len(receipts) != 1 || receipts[0].Outcome != want || !strings.Contains(receipts[0].Reason, test.refused) {
			t.Errorf("%s: %+v, want %v because %q", test.what, receipts, want, test.refused)
		}
	}
}
