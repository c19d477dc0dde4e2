package social

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"

	"stagecraft/plugins/channel"
)

// zalo is an Official Account (developers.zalo.me, Official Account API v3 and Zalo Notification Service). Text to a user
// ("zalo:ID") goes to those who wrote within the last days; a notification to a telephone number ("zns:+84…") is made from
// an approved template, which Message.Data names.
type zalo struct {
	line
	tokens   *tokens
	notices  string // base URL of ZNS
	app      string
	secretOA string // signs callbacks
}

// maxZalo is how many characters a text may have.
const maxZalo = 2000

// vietnam is the zone in which Zalo counts days and nights.
var vietnam = time.FixedZone("UTC+7", 7*60*60)

func (z *zalo) send(ctx context.Context, kind, to string, m *channel.Message) channel.Receipt {
	target, body, problem := z.base+"/v3.0/oa/message/cs", map[string]any(nil), ""
	if kind == "zns" {
		target = z.notices + "/message/template"
		body, problem = notice(to, m)
	} else {
		body, problem = consultation(to, m)
	}
	if problem != "" {
		return refused(problem)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return refused("the message cannot be written as JSON")
	}
	for again := false; ; again = true {
		if wait := z.paused(); wait != nil {
			return *wait
		}
		token, out := z.tokens.get(ctx)
		if out != nil {
			return *out
		}
		a, out := z.call(ctx, target, "application/json", map[string]string{"access_token": token}, text)
		if out != nil {
			return *out
		}
		code, judged := z.judge(a, m)
		if !slices.Contains(zaloToken, code) {
			return judged
		}
		z.tokens.expire(token)
		if again {
			return z.misconfigured(judged.Reason+"; authorise the Official Account anew and set zalo.refresh_token", true)
		}
	}
}

// consultation is a text to a user.
func consultation(to string, m *channel.Message) (map[string]any, string) {
	switch {
	case !digits.MatchString(to):
		return nil, "the address is not a user of Zalo's; write zalo: and the user's ID, which has digits only"
	case strings.TrimSpace(m.Text) == "":
		return nil, "the message has no text"
	case letters(m.Text) > maxZalo:
		return nil, "the text has more than 2000 characters, the most that Zalo takes"
	}
	return map[string]any{"recipient": map[string]any{"user_id": to}, "message": map[string]any{"text": m.Text}}, ""
}

// notice is a notification from a template.
func notice(to string, m *channel.Message) (map[string]any, string) {
	switch {
	case !e164.MatchString(to):
		return nil, "the address is not a telephone number; write zns: and the number like +84901234567"
	case m.Data["template"] == "":
		return nil, "the message names no template; set template to the number of an approved ZNS template"
	}
	values := map[string]string{}
	for _, name := range variables(m.Data, "body") {
		values[name] = m.Data["body."+name]
	}
	body := map[string]any{"phone": strings.TrimPrefix(to, "+"), "template_id": m.Data["template"], "template_data": values}
	if mark := track(m.ID); mark != "" {
		body["tracking_id"] = mark
	}
	return body, ""
}

// maxTracking is how long a tracking_id may be.
const maxTracking = 48

// track shortens an ID of hex text to letters and digits (base 62), "" where it is not hex or too long. The 1 in front
// keeps zeros.
func track(id string) string {
	value, ok := new(big.Int).SetString("1"+id, 16)
	if !isID(id) || !ok || len(value.Text(62)) > maxTracking || id != strings.ToLower(id) {
		return ""
	}
	return value.Text(62)
}

// tracked is the ID of a tracking_id, "" if it is not one of ours.
func tracked(mark string) string {
	value, ok := new(big.Int).SetString(mark, 62)
	if !ok || len(mark) > maxTracking || value.Sign() <= 0 {
		return ""
	}
	id, ok := strings.CutPrefix(value.Text(16), "1")
	if !ok || !isID(id) {
		return ""
	}
	return id
}

// Codes of both services by what is to be done about them. Those that are not listed are final.
var (
	zaloToken  = []int{-124, -216, -220}                                                                   // the access token is not valid any more
	zaloSetup  = []int{-101, -102, -103, -104, -105, -115, -126, -135, -137, -205, -221, -224, -320, -321} // app, account, package or balance
	zaloLater  = []int{-100, -200}                                                                         // unknown errors, to be tried again by the documentation
	zaloDaily  = []int{-144, -147, -211}                                                                   // a day's quota is used up
	zaloGone   = []int{-118}                                                                               // no account with this number
	zaloUnwant = []int{-139, -141}                                                                         // they refuse notifications
	zaloLimit  = -32
	zaloNight  = -133 // this notification may not be sent from 22 to 6 o'clock
	zaloWindow = -230 // the user has not written for too long
)

// judge makes a receipt of an answer, and returns the network's code for it.
func (z *zalo) judge(a answer, m *channel.Message) (int, channel.Receipt) {
	var got struct {
		Error   *int            `json:"error"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"` // an object, or an empty list beside an error
	}
	if json.Unmarshal(a.body, &got) != nil || got.Error == nil {
		return 0, z.unexpected(a)
	}
	code := *got.Error
	reason := fmt.Sprintf("Zalo answered %d: %s", code, z.clean(got.Message))
	switch {
	case code == 0:
		var data struct {
			ID     string `json:"message_id"`
			Notice string `json:"msg_id"`
		}
		if json.Unmarshal(got.Data, &data) == nil && data.ID+data.Notice != "" {
			return 0, z.took(m, data.ID+data.Notice) // there is one of them
		}
		return 0, z.fine()
	case slices.Contains(zaloToken, code):
		return code, later(reason, 0)
	case slices.Contains(zaloSetup, code):
		return code, z.misconfigured(reason, false)
	case slices.Contains(zaloLater, code):
		return code, later(reason, 0)
	case slices.Contains(zaloDaily, code):
		return code, later(reason, time.Hour)
	case slices.Contains(zaloGone, code):
		return code, gone(reason)
	case slices.Contains(zaloUnwant, code):
		return code, blocked(reason)
	case code == zaloLimit:
		return code, z.limited(reason, time.Minute)
	case code == zaloNight:
		return code, later(reason, untilMorning(z.now()))
	case code == zaloWindow:
		return code, refused(reason + "; send a ZNS template instead")
	}
	return code, refused(reason)
}

// untilMorning is how long it is until six o'clock in Vietnam.
func untilMorning(now time.Time) time.Duration {
	local := now.In(vietnam)
	six := time.Date(local.Year(), local.Month(), local.Day(), 6, 0, 0, 0, vietnam)
	if !six.After(local) {
		six = six.AddDate(0, 0, 1)
	}
	return six.Sub(local)
}

func (z *zalo) close(limit time.Duration) { z.tokens.wait(limit) }

func (z *zalo) trouble() string {
	if text := z.tokens.trouble(); text != "" {
		return text
	}
	return z.line.trouble()
}

// zaloEvent is the part of a callback that is read. Who is sender and who is recipient differs from event to event.
type zaloEvent struct {
	App   string      `json:"app_id"`
	Name  string      `json:"event_name"`
	At    json.Number `json:"timestamp"`
	Party struct {
		ID string `json:"id"`
	} `json:"sender"`
	Follower struct {
		ID string `json:"id"`
	} `json:"follower"`
	Message struct {
		ID    string   `json:"msg_id"`
		IDs   []string `json:"msg_ids"`
		Quote string   `json:"quote_msg_id"`
		Mark  string   `json:"tracking_id"`
		Text  string   `json:"text"`
		Note  string   `json:"note"`
	} `json:"message"`
}

func (z *zalo) callback(c *channel.Callback) (channel.Reply, []channel.Report) {
	if c.Method != http.MethodPost {
		return wrongMethod(), nil
	}
	var e zaloEvent
	if json.Unmarshal(c.Body, &e) != nil {
		return unreadable(), nil
	}
	// The signature is a plain hash with the secret at its end: app, body, time, secret.
	if signature, ok := strings.CutPrefix(c.Headers["x-zevent-signature"], "mac="); !ok || z.secretOA == "" ||
		!same(zaloSignature(z.app, string(c.Body), e.At.String(), z.secretOA), strings.ToLower(signature)) {
		return unsigned(), nil
	}
	return understood(), z.read(&e)
}

func (z *zalo) read(e *zaloEvent) (reports []channel.Report) {
	at := milliseconds(e.At, z.now())
	switch e.Name {
	case "user_received_message", "user_seen_message":
		event := "delivered"
		if e.Name == "user_seen_message" {
			event = "opened"
		}
		list := e.Message.IDs
		if e.Message.ID != "" && !slices.Contains(list, e.Message.ID) {
			list = append([]string{e.Message.ID}, list...)
		}
		if id := tracked(e.Message.Mark); id != "" {
			reports = append(reports, channel.Report{ID: id, Event: event, Date: at})
			list = slices.DeleteFunc(list, func(theirs string) bool { return theirs == e.Message.ID })
		}
		for _, theirs := range list {
			if id, reference := z.about(theirs); id != "" || reference != "" {
				reports = append(reports, channel.Report{ID: id, Reference: reference, Event: event, Date: at})
			}
		}
	case "user_send_text":
		if e.Party.ID != "" && e.Message.Text != "" {
			r := said("zalo:"+e.Party.ID, e.Message.Text, e.Message.ID, at)
			r.ID, r.Reference = z.about(e.Message.Quote)
			reports = append(reports, r)
		}
	case "user_feedback": // to a notification
		id, reference := tracked(e.Message.Mark), ""
		if id == "" {
			id, reference = z.about(e.Message.ID)
		}
		if id != "" || reference != "" {
			reports = append(reports, channel.Report{ID: id, Reference: reference, Event: "replied", Date: at, Data: map[string]string{"text": cut(e.Message.Note, maxText)}})
		}
	case "follow", "unfollow":
		event := "subscribed"
		if e.Name == "unfollow" {
			event = "unsubscribed"
		}
		if e.Follower.ID != "" {
			r := channel.Report{Event: event, From: "zalo:" + e.Follower.ID, Date: at, Reason: e.Name + " in Zalo"}
			if event == "subscribed" {
				r.Data = map[string]string{channel.FactStart: ""}
			}
			reports = append(reports, r)
		}
	}
	return reports
}
