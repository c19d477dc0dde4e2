package email_test

import (
	"encoding/json"
	"strings"
	"testing"

	"stagecraft/plugins/email"
)

func TestRecordsOfSettings(t *testing.T) {
	settings := json.RawMessage(`{"host":"mail.shop.example","from":"Shop <hello@shop.example>"}`)
	records, err := email.Records(t.Context(), zone{"shop.example": {"v=spf1 include:mail.example -all"}}, settings)
	if err != nil || len(records) != 2 {
		t.Fatalf("%+v %v", records, err)
	}
	if spf := records[0]; spf.Name != "shop.example" || spf.Want != "v=spf1 a:mail.shop.example ~all" || spf.Problem != "" {
		t.Errorf("SPF: %+v", spf)
	}
	if dmarc := records[1]; dmarc.Name != "_dmarc.shop.example" || !strings.Contains(dmarc.Problem, "no DMARC record") {
		t.Errorf("DMARC: %+v", dmarc)
	}
	if _, err := email.Records(t.Context(), zone{}, json.RawMessage(`{"host":""}`)); err == nil {
		t.Error("settings that say nothing were taken")
	}
}
