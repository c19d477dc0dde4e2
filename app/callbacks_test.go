package app_test

import (
	"net/http"
	"strings"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// A STOP in the form in which the gateway was given the number counts, also where no country is set; and one that cannot be read
// is refused, so that somebody notices.
func TestAStopByBareDigits(t *testing.T) {
	sent, settings := gateway(t)
	s := startServer(t, withScripts(t, ordered("ada", "sms")), func(c *config.Config) { c.Policy.Preset = "none" })
	s.setMode("trial", lifecycle.Live)
	s.must("PUT", "/api/channels/sms", map[string]any{"settings": settings})
	s.track("ada", "Order", phone)
	s.eventually("it leaves", func() bool { return len(sent) == 1 && s.states()["accepted"] == 1 })
	inbound := func(form string) int {
		status, _, _ := s.call("POST", "/callbacks/sms/"+gatewayToken+"/inbound", form, func(r *http.Request) {
			r.Header.Del("Authorization")
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		})
		return status
	}
	if status := inbound("from=0912121212&text=STOP"); status != 400 {
		t.Errorf("a number of no country: %d", status)
	}
	s.eventually("the connector says what to set", func() bool {
		text := s.must("GET", "/api/channels", nil)
		return strings.Contains(text, "an incoming message was not taken") && strings.Contains(text, "country") && !strings.Contains(text, "0912121212")
	})
	if status := inbound("from=84901234567&text=STOP"); status != 200 {
		t.Errorf("bare digits: %d", status)
	}
	s.track("ada", "Order")
	s.eventually("the next one is not sent", func() bool { return len(s.states()) == 2 && s.states()["accepted"] == 1 })
	if len(sent) != 1 {
		t.Errorf("%d messages left: %v", len(sent), s.states())
	}
}
