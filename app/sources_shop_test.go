package app_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// shop posts as Shopify does, and returns what is answered.
func (s *server) shop(topic, body string) string {
	s.t.Helper()
	status, text := s.post("shopify", body, map[string]string{"X-Shopify-Topic": topic, "X-Shopify-Hmac-Sha256": base64.StdEncoding.EncodeToString(mac("key", body))})
	if status != http.StatusOK {
		s.t.Fatalf("%s: %d %s", topic, status, text)
	}
	return text
}

// stripe posts as Stripe does.
func (s *server) stripe(body string) string {
	s.t.Helper()
	at := strconv.FormatInt(time.Now().Unix(), 10)
	status, text := s.post("stripe", body, map[string]string{"Stripe-Signature": "t=" + at + ",v1=" + hex.EncodeToString(mac("key", at+"."+body))})
	if status != http.StatusOK {
		s.t.Fatalf("%d %s", status, text)
	}
	return text
}

// An order and its refunds count once, whomever the shop says that they are of by then.
func TestAShopNamesABuyerAnew(t *testing.T) {
	s := startServer(t)
	s.setSecret("shopify", "key", false)
	order := `{"id":40,"email":"ada@example.com","customer":%s,"total_price":"20.00","currency":"EUR","created_at":"2026-03-01T10:00:00Z",
		"updated_at":"2026-03-02T10:00:00Z","line_items":null,"refunds":[{"id":9,"created_at":"2026-03-02T10:00:00Z","transactions":[{"kind":"refund","status":"success","amount":"5.00"}]}]}`
	for i, customer := range []string{`{"id":601,"email":"ada@example.com"}`, `null`, `{"id":602,"email":"ada@example.com"}`} {
		want := `{"accepted":0,"repeats":1}`
		if i == 0 {
			want = `{"accepted":1}`
		}
		for _, topic := range []string{"orders/paid", "orders/updated"} {
			if text := s.shop(topic, fmt.Sprintf(order, customer)); text != want {
				t.Errorf("%s of %s: %s", topic, customer, text)
			}
		}
	}
	s.eventually("the order is known", func() bool {
		_, text, _ := s.call("GET", "/v1/customers/ada@example.com/timeline", nil)
		return strings.Count(text, `"event":"Order Completed"`) == 1 && strings.Count(text, `"event":"Order Refunded"`) == 1
	})
}

// Who unsubscribes in the shop is told to nobody as somebody who may be written to; what cannot be done is kept for people.
func TestAShopSaysWhoUnsubscribed(t *testing.T) {
	s := startServer(t)
	s.setSecret("shopify", "key", false)
	traits := func(name, want string) {
		t.Helper()
		s.eventually(name+" is "+want, func() bool {
			_, text, _ := s.call("GET", "/v1/customers/shopify:601", nil)
			return strings.Contains(text, `{"name":"`+name+`","value":`+want+`,`) || want == "gone" && !strings.Contains(text, name)
		})
	}
	customer := `{"id":601,"email":"ada@example.com","tags":"%s","updated_at":"2026-03-0%dT10:00:00Z","email_marketing_consent":{"state":"%s","consent_updated_at":"2026-03-0%dT10:00:00Z"}}`
	s.shop("customers/create", fmt.Sprintf(customer, "vip", 1, "subscribed", 1))
	traits("accepts_marketing", "true")
	traits("shopify_tags", `"vip"`)
	traits("unsubscribed", "false")
	s.shop("customers/update", fmt.Sprintf(customer, "", 2, "unsubscribed", 2))
	traits("accepts_marketing", "false")
	traits("shopify_tags", "gone")
	traits("unsubscribed", "true")
	s.shop("customers/update", fmt.Sprintf(customer, "", 3, "subscribed", 1)) // of before it
	traits("unsubscribed", "true")
	s.shop("customers_email_marketing_consent/update", `{"customer_id":601,"email_address":"ada@example.com","email_marketing_consent":{"state":"subscribed","consent_updated_at":"2026-03-04T10:00:00Z"}}`)
	traits("accepts_marketing", "true")
	traits("unsubscribed", "false")

	for topic, body := range map[string]string{"customers/redact": `{"customer":{"id":601}}`, "orders/paid": `{"id":1,"email":"ada@example.com","test":true}`, "orders/create": `null`} {
		if text := s.shop(topic, body); !strings.Contains(text, `"refused":`) {
			t.Errorf("%s: %s", topic, text)
		}
	}
	if view := s.source("shopify"); view.Rejects != 3 {
		t.Errorf("%d requests are kept", view.Rejects)
	}
}

// A buyer who says somebody else's ID of us at the checkout gets nothing of theirs, then or later.
func TestABuyerSaysSomebodysID(t *testing.T) {
	s := startServer(t)
	s.setSecret("stripe", "key", false)
	s.must("POST", "/v1/identify", map[string]any{"userId": "ada", "traits": map[string]any{"email": "ada@example.com", "phone": "+4915112345678"}})
	later := strconv.FormatInt(time.Now().Unix()+60, 10)
	body := `{"id":"evt_1","type":"checkout.session.completed","livemode":true,"created":` + later + `,"data":{"object":{"id":"cs_1","amount_total":100,"currency":"eur",
		"client_reference_id":"ada","customer":"cus_1","customer_details":{"email":"other@example.com","phone":"+4915187654321"},"mode":"payment","payment_status":"paid"}}}`
	if text := s.stripe(body); text != `{"accepted":1}` {
		t.Error(text)
	}
	if text := s.must("GET", "/api/events", nil); !strings.Contains(text, `"revenue":1`) {
		t.Errorf("its events are %s", text)
	}
	s.stripe(`{"id":"evt_2","type":"customer.updated","livemode":true,"created":` + later + `,"data":{"object":{"id":"cus_1","email":"other@example.com"}}}`)
	if text := s.must("GET", "/v1/customers/ada", nil); !strings.Contains(text, `{"name":"email","value":"ada@example.com"`) || strings.Contains(text, "other@example.com") || strings.Contains(text, "+4915187654321") {
		t.Errorf("she is %s", text)
	}
	if text := s.stripe(strings.Replace(strings.Replace(body, "true", "false", 1), "evt_1", "evt_3", 1)); !strings.Contains(text, "test mode") {
		t.Error(text)
	}
}
