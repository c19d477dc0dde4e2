package social_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// The networks, as their public documentation describes them: each server checks what the real one checks (method, path,
// token, type of the body, fields) and answers with its words. Faults are set by recipient.

// fault is an answer to the next requests about a recipient.
type fault struct {
	times  int
	status int
	header map[string]string
	body   string
}

// took is what a network took for delivery.
type took struct {
	to, text string
	body     map[string]any
}

type network struct {
	t   testing.TB
	url string

	mu     sync.Mutex
	faults map[string]*fault
	taken  []took
	calls  int
}

// serve starts a network whose handler gets the decoded body.
func serve(t testing.TB, handle func(n *network, w http.ResponseWriter, r *http.Request)) *network {
	t.Helper()
	n := &network{t: t, faults: map[string]*fault{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.calls++
		handle(n, w, r)
	}))
	t.Cleanup(server.Close)
	n.url = server.URL
	return n
}

func (n *network) fail(to string, f fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if f.times == 0 {
		f.times = 1
	}
	n.faults[to] = &f
}

func (n *network) all() []took {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]took(nil), n.taken...)
}

func (n *network) called() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.calls
}

// broken answers with the fault of a recipient, if there is one.
func (n *network) broken(w http.ResponseWriter, to string) bool {
	f := n.faults[to]
	if f == nil || f.times == 0 {
		return false
	}
	f.times--
	if f.status == 0 { // the connection ends without an answer
		panic(http.ErrAbortHandler)
	}
	for name, value := range f.header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.status)
	_, _ = io.WriteString(w, f.body)
	return true
}

func (n *network) take(to, text string, body map[string]any) int {
	n.taken = append(n.taken, took{to, text, body})
	return len(n.taken)
}

func respond(w http.ResponseWriter, status int, format string, values ...any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, format, values...)
}

// object reads a JSON body; nil if it is none.
func object(r *http.Request) map[string]any {
	var body map[string]any
	if r.Method != http.MethodPost || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") ||
		json.NewDecoder(r.Body).Decode(&body) != nil {
		return nil
	}
	return body
}

func field(body map[string]any, path ...string) string {
	for _, name := range path[:len(path)-1] {
		body, _ = body[name].(map[string]any)
	}
	text, _ := body[path[len(path)-1]].(string)
	return text
}

const botToken = "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11"

func newTelegram(t testing.TB) *network {
	return serve(t, func(n *network, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/bot"+botToken+"/sendMessage" {
			respond(w, 404, `{"ok":false,"error_code":404,"description":"Not Found"}`)
			return
		}
		body := object(r)
		to, text := field(body, "chat_id"), field(body, "text")
		switch {
		case n.broken(w, to):
		case text == "":
			respond(w, 400, `{"ok":false,"error_code":400,"description":"Bad Request: message text is empty"}`)
		case utf8.RuneCountInString(text) > 4096:
			respond(w, 400, `{"ok":false,"error_code":400,"description":"Bad Request: message is too long"}`)
		case to == "404":
			respond(w, 400, `{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}`)
		default:
			id := n.take(to, text, body)
			respond(w, 200, `{"ok":true,"result":{"message_id":%d,"date":1700000000,"chat":{"id":%s,"type":"private"},"text":"x"}}`, id, to)
		}
	})
}

const slackToken = "xoxb-1234-5678-abcdef"

func newSlack(t testing.TB) *network {
	return serve(t, func(n *network, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/chat.postMessage" {
			respond(w, 200, `{"ok":false,"error":"unknown_method"}`)
			return
		}
		if r.Header.Get("Authorization") != "Bearer "+slackToken {
			respond(w, 200, `{"ok":false,"error":"invalid_auth"}`)
			return
		}
		body := object(r)
		to, text := field(body, "channel"), field(body, "text")
		switch {
		case n.broken(w, to):
		case body == nil:
			respond(w, 200, `{"ok":false,"error":"invalid_json"}`)
		case text == "":
			respond(w, 200, `{"ok":false,"error":"no_text"}`)
		case !regexp.MustCompile(`^[CDGU][A-Z0-9]+$`).MatchString(to):
			respond(w, 200, `{"ok":false,"error":"channel_not_found"}`)
		default:
			id, at := n.take(to, text, body), to
			if to[0] == 'U' {
				at = "D" + to[1:] // the conversation with a person
			}
			respond(w, 200, `{"ok":true,"channel":"%s","ts":"1700000000.%06d","message":{"text":"x"}}`, at, id)
		}
	})
}

const (
	graphToken = "EAAGabcdef"
	numberID   = "106540352242922"
	pageID     = "1084444"
)

func graphError(w http.ResponseWriter, status, code, subcode int, message, details string) {
	respond(w, status, `{"error":{"message":%q,"type":"OAuthException","code":%d,"error_subcode":%d,"error_data":{"messaging_product":"whatsapp","details":%q},"fbtrace_id":"A1"}}`,
		message, code, subcode, details)
}

// newGraph is Meta's Graph API for one WhatsApp number and one page.
func newGraph(t testing.TB) *network {
	return serve(t, func(n *network, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+graphToken {
			graphError(w, 401, 190, 463, "Error validating access token: Session has expired", "")
			return
		}
		body := object(r)
		switch {
		case body == nil:
			graphError(w, 400, 100, 33, "Invalid parameter", "")
		case r.URL.Path == "/v25.0/"+numberID+"/messages":
			whatsappSend(n, w, body)
		case r.URL.Path == "/v25.0/"+pageID+"/messages":
			messengerSend(n, w, body)
		default:
			graphError(w, 400, 100, 33, "Unsupported post request. Object does not exist", "")
		}
	})
}

func whatsappSend(n *network, w http.ResponseWriter, body map[string]any) {
	to, kind := field(body, "to"), field(body, "type")
	text := field(body, "text", "body")
	template, _ := body["template"].(map[string]any)
	switch {
	case n.broken(w, to):
	case field(body, "messaging_product") != "whatsapp" || to == "":
		graphError(w, 400, 100, 0, "(#100) The parameter messaging_product is required.", "")
	case kind == "text" && (text == "" || utf8.RuneCountInString(text) > 4096):
		graphError(w, 400, 100, 0, "(#100) Invalid parameter", "text.body")
	case kind == "template" && (template["name"] == nil || field(template, "language", "code") == ""):
		graphError(w, 400, 131008, 0, "(#131008) Required parameter is missing", "template.language")
	case kind == "template" && template["name"] != "order_update":
		graphError(w, 404, 132001, 0, "(#132001) Template name does not exist in the translation", "template name does not exist")
	case len(field(body, "biz_opaque_callback_data")) > 512:
		graphError(w, 400, 100, 0, "(#100) Param biz_opaque_callback_data must be at most 512 characters long.", "")
	default:
		id := n.take(to, text, body)
		respond(w, 200, `{"messaging_product":"whatsapp","contacts":[{"input":%q,"wa_id":%q}],"messages":[{"id":"wamid.%d"}]}`, to, strings.TrimPrefix(to, "+"), id)
	}
}

func messengerSend(n *network, w http.ResponseWriter, body map[string]any) {
	to, text, kind := field(body, "recipient", "id"), field(body, "message", "text"), field(body, "messaging_type")
	switch {
	case n.broken(w, to):
	case to == "404":
		graphError(w, 400, 100, 2018001, "(#100) No matching user found", "")
	case kind != "UPDATE" && kind != "RESPONSE" && (kind != "MESSAGE_TAG" || field(body, "tag") == ""):
		graphError(w, 400, 100, 0, "(#100) Param messaging_type must be one of {RESPONSE, UPDATE, MESSAGE_TAG}", "")
	case text == "" || utf8.RuneCountInString(text) > 2000:
		graphError(w, 400, 100, 0, "(#100) Length of param message[text] must be less than or equal to 2000", "")
	default:
		id := n.take(to, text, body)
		respond(w, 200, `{"recipient_id":%q,"message_id":"m_%d"}`, to, id)
	}
}

const (
	zaloApp    = "1234567890"
	zaloSecret = "appsecret99"
)

// zaloNetwork has the API, the notification service and the change of tokens, in which each refresh token works once.
type zaloNetwork struct {
	*network
	access, refresh string
	changes         int
}

func newZalo(t testing.TB) *zaloNetwork {
	z := &zaloNetwork{refresh: "refresh-0"}
	z.network = serve(t, func(n *network, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v4/oa/access_token" {
			z.change(w, r)
			return
		}
		body := object(r)
		to := field(body, "recipient", "user_id") + field(body, "phone")
		switch {
		case n.broken(w, to):
		case r.URL.Path == "/v3.0/oa/message/cs":
			z.consult(w, r, body)
		case r.URL.Path == "/message/template":
			z.notify(w, r, body)
		default:
			respond(w, 404, "not found")
		}
	})
	return z
}

func (z *zaloNetwork) change(w http.ResponseWriter, r *http.Request) {
	switch {
	case z.broken(w, "change"):
	case r.Header.Get("secret_key") != zaloSecret || r.PostFormValue("app_id") != zaloApp:
		respond(w, 200, `{"error_name":"Invalid secret key.","error":-14004,"error_description":"Invalid secret key"}`)
	case r.PostFormValue("grant_type") != "refresh_token" || r.PostFormValue("refresh_token") != z.refresh:
		respond(w, 200, `{"error_name":"Invalid refresh token.","error":-14014,"error_description":"Invalid refresh token"}`)
	default:
		z.changes++
		z.access, z.refresh = fmt.Sprintf("access-%d", z.changes), fmt.Sprintf("refresh-%d", z.changes)
		respond(w, 200, `{"access_token":%q,"refresh_token":%q,"expires_in":"90000"}`, z.access, z.refresh)
	}
}

func (z *zaloNetwork) consult(w http.ResponseWriter, r *http.Request, body map[string]any) {
	to, text := field(body, "recipient", "user_id"), field(body, "message", "text")
	switch {
	case z.access == "" || r.Header.Get("access_token") != z.access:
		respond(w, 200, `{"error":-216,"message":"Access token is invalid"}`)
	case text == "" || utf8.RuneCountInString(text) > 2000:
		respond(w, 200, `{"error":-201,"message":"text is invalid"}`)
	default:
		respond(w, 200, `{"error":0,"message":"Success","data":{"message_id":"zm-%d","user_id":%q}}`, z.take(to, text, body), to)
	}
}

func (z *zaloNetwork) notify(w http.ResponseWriter, r *http.Request, body map[string]any) {
	to := field(body, "phone")
	values, _ := body["template_data"].(map[string]any)
	switch {
	case z.access == "" || r.Header.Get("access_token") != z.access:
		respond(w, 200, `{"error":-124,"message":"Access token invalid"}`)
	case !regexp.MustCompile(`^84[0-9]{9}$`).MatchString(to):
		respond(w, 200, `{"error":-108,"message":"Phone number invalid"}`)
	case field(body, "template_id") != "7895417":
		respond(w, 200, `{"error":-109,"message":"Template ID invalid"}`)
	case len(values) == 0:
		respond(w, 200, `{"error":-111,"message":"Template data empty"}`)
	case len(field(body, "tracking_id")) > 48:
		respond(w, 200, `{"error":-132,"message":"Parameter invalid"}`)
	default:
		respond(w, 200, `{"error":0,"message":"Success","data":{"msg_id":"zns-%d","sent_time":"1700000000000","quota":{"dailyQuota":"500","remainingQuota":"499"}}}`, z.take(to, "", body))
	}
}
