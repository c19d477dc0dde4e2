package sms_test

import (
	"encoding/json"
	"strings"
	"testing"

	"stagecraft/plugins/sms"
)

func TestSizeOf(t *testing.T) {
	for _, test := range []struct {
		settings, text string
		want           sms.Measured
	}{
		{``, strings.Repeat("x", 160), sms.Measured{Encoding: "GSM-7", Units: 160, Parts: 1}},
		{`{}`, strings.Repeat("x", 161), sms.Measured{Encoding: "GSM-7", Units: 161, Parts: 2}},
		{`{}`, "Cảm ơn bạn", sms.Measured{Encoding: "UCS-2", Units: 10, Parts: 1}},
		{`{"encoding": "plain"}`, "Cảm ơn bạn", sms.Measured{Encoding: "GSM-7", Units: 10, Parts: 1}},
		{`{"url": "https://another.example"}`, "“quoted”", sms.Measured{Encoding: "GSM-7", Units: 8, Parts: 1}},
		{`nonsense`, "", sms.Measured{Encoding: "GSM-7", Parts: 1}},
		{`{"max_parts": 1}`, strings.Repeat("ơ", 71), sms.Measured{Encoding: "UCS-2", Units: 71, Parts: 2, Problem: "it takes 2 parts, more than max_parts, 1, and would be refused"}},
	} {
		if got := sms.SizeOf(json.RawMessage(test.settings), test.text); got != test.want {
			t.Errorf("%s %q: %+v", test.settings, test.text, got)
		}
	}
}
