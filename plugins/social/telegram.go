package social

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"stagecraft/plugins/channel"
)

// telegram is a bot (core.telegram.org/bots/api). Telegram tells nothing of deliveries; what people write to the bot, and
// that they block it, arrives by callback when setWebhook was called with the secret token of the settings.
type telegram struct {
	line
	token, secret string
}

// maxTelegram is how many UTF-16 units a text may have.
const maxTelegram = 4096

var chatID = regexp.MustCompile(`^(-?[0-9]{1,20}|@[A-Za-z0-9_]{4,32})$`)

// telegramAnswer is what every method answers.
type telegramAnswer struct {
	OK          *bool  `json:"ok"`
	Code        int    `json:"error_code"`
	Description string `json:"description"`
	Parameters  struct {
		RetryAfter int         `json:"retry_after"`
		MigrateTo  json.Number `json:"migrate_to_chat_id"`
	} `json:"parameters"`
	Result struct {
		MessageID json.Number `json:"message_id"`
		Chat      struct {
			ID json.Number `json:"id"`
		} `json:"chat"`
	} `json:"result"`
}

func (t *telegram) send(ctx context.Context, _, to string, m *channel.Message) channel.Receipt {
	switch {
	case !chatID.MatchString(to):
		return refused("the address is not a chat of Telegram's; write telegram: and its number, or telegram:@name for a public channel")
	case strings.TrimSpace(m.Text) == "":
		return refused("the message has no text")
	}
	if n := utf16Length(m.Text); n > maxTelegram {
		return refused(fmt.Sprintf("the text has %d characters; Telegram takes at most %d", n, maxTelegram))
	}
	if wait := t.paused(); wait != nil {
		return *wait
	}
	got, out := t.method(ctx, to, m)
	if out == nil && got.Parameters.MigrateTo != "" { // the group has become a supergroup; nothing has left yet
		got, out = t.method(ctx, got.Parameters.MigrateTo.String(), m)
	}
	if out != nil {
		return *out
	}
	return t.judge(to, got, m)
}

func (t *telegram) method(ctx context.Context, chat string, m *channel.Message) (telegramAnswer, *channel.Receipt) {
	a, out := t.post(ctx, "/bot"+escape(t.token)+"/sendMessage", nil, map[string]any{"chat_id": chat, "text": m.Text})
	if out != nil {
		return telegramAnswer{}, out
	}
	var got telegramAnswer
	if json.Unmarshal(a.body, &got) != nil || got.OK == nil {
		return got, receipt(t.unexpected(a))
	}
	return got, nil
}

func (t *telegram) judge(to string, got telegramAnswer, m *channel.Message) channel.Receipt {
	if *got.OK {
		chat := got.Result.Chat.ID.String()
		if chat == "" {
			chat = to
		}
		return t.took(m, chat+"/"+got.Result.MessageID.String())
	}
	words := t.clean(got.Description)
	reason := fmt.Sprintf("Telegram answered %d: %s", got.Code, words)
	lower := strings.ToLower(words)
	switch {
	case got.Code == http.StatusTooManyRequests:
		wait := time.Duration(max(0, min(got.Parameters.RetryAfter, 86400))) * time.Second
		if strings.HasPrefix(to, "-") || strings.HasPrefix(to, "@") { // groups and channels have a limit of their own
			return later(reason, max(wait, time.Second))
		}
		return t.limited(reason, wait)
	case got.Code == http.StatusUnauthorized || got.Code == http.StatusNotFound: // Not Found is the answer to a token that is none
		return t.misconfigured(reason+"; set telegram.token as @BotFather shows it", true)
	case strings.Contains(lower, "chat not found"), strings.Contains(lower, "user not found"), strings.Contains(lower, "peer_id_invalid"),
		strings.Contains(lower, "is deactivated"), strings.Contains(lower, "was deleted"):
		return gone(reason)
	case strings.Contains(lower, "blocked by the user"), strings.Contains(lower, "was kicked"), strings.Contains(lower, "not a member"):
		return blocked(reason) // as when Telegram tells of it by itself; they may let the bot in again
	case got.Code >= 500:
		return doubtful(reason)
	}
	return refused(reason)
}

// telegramUpdate is the part of an Update that is read.
type telegramUpdate struct {
	Message *struct {
		ID   json.Number  `json:"message_id"`
		Text string       `json:"text"`
		Date json.Number  `json:"date"`
		Chat telegramChat `json:"chat"`
		From struct {
			Bot bool `json:"is_bot"`
		} `json:"from"`
		ReplyTo struct {
			ID json.Number `json:"message_id"`
		} `json:"reply_to_message"`
	} `json:"message"`
	Member *struct {
		Date json.Number  `json:"date"`
		Chat telegramChat `json:"chat"`
		New  struct {
			Status string `json:"status"`
		} `json:"new_chat_member"`
	} `json:"my_chat_member"`
}

type telegramChat struct {
	ID json.Number `json:"id"`
}

func (t *telegram) callback(c *channel.Callback) (channel.Reply, []channel.Report) {
	if c.Method != http.MethodPost {
		return wrongMethod(), nil
	}
	if !same(t.secret, c.Headers["x-telegram-bot-api-secret-token"]) {
		return unsigned(), nil
	}
	var update telegramUpdate
	if json.Unmarshal(c.Body, &update) != nil {
		return unreadable(), nil
	}
	var reports []channel.Report
	if m := update.Message; m != nil && m.Chat.ID != "" && m.Text != "" && !m.From.Bot {
		r := said("telegram:"+m.Chat.ID.String(), m.Text, m.ID.String(), seconds(m.Date, t.now()))
		if answered := m.ReplyTo.ID.String(); answered != "" {
			r.ID, r.Reference = t.about(m.Chat.ID.String() + "/" + answered)
		}
		if code, start := strings.CutPrefix(m.Text, "/start"); start && (code == "" || code[0] == ' ') { // of a deep link: what follows says who it is
			if r.Event = "subscribed"; !strings.HasPrefix(m.Chat.ID.String(), "-") { // groups are nobody
				r.Data[channel.FactStart] = cut(strings.TrimSpace(code), 64)
			}
		}
		reports = append(reports, r)
	}
	if m := update.Member; m != nil && m.Chat.ID != "" {
		r := channel.Report{From: "telegram:" + m.Chat.ID.String(), Date: seconds(m.Date, t.now())}
		switch m.New.Status {
		case "kicked", "left":
			r.Event, r.Reason = "unsubscribed", "the bot was blocked or removed"
		case "member", "administrator":
			r.Event = "subscribed"
		}
		if r.Event != "" {
			reports = append(reports, r)
		}
	}
	return understood(), reports
}

// utf16Length counts as several networks do: in UTF-16 units.
func utf16Length(text string) int {
	n := 0
	for _, r := range text {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// letters counts characters.
func letters(text string) int { return utf8.RuneCountInString(text) }
