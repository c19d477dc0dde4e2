package script

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"stagecraft/app/lifecycle"
)

// channels are those of the program that a message can be written for. There may be further ones of their kinds, and connectors
// may bring others.
var channels = []string{"email", "sms", "push", "inapp", "letter", "call", "social", "webhook"}

// meantChannel are names under which people look for a channel of the program.
var meantChannel = map[string]string{"mail": "email", "e-mail": "email", "smtp": "email", "text": "sms", "twilio": "sms", "webpush": "push", "fcm": "push",
	"in-app": "inapp", "inbox": "inapp", "post": "letter", "phone": "call", "telegram": "social", "whatsapp": "social", "messenger": "social",
	"slack": "social", "zalo": "social", "zns": "social", "http": "webhook"}

// channelProblem says what is wrong with the name of a channel, with a hint; "" if it may be one. A channel that is none of
// the program's is one that a connector brings, unless its name is nearly one of the program's.
func channelProblem(name string) (problem, hint string) {
	if slices.Contains(channels, name) || lifecycle.IsFurther(name) && lifecycle.IsChannelName(name) {
		return "", ""
	}
	problem = fmt.Sprintf("there is no channel %q", cut(name, 80))
	if meant := meantChannel[strings.ToLower(name)]; meant != "" {
		return problem, fmt.Sprintf("did you mean %q?", meant)
	}
	if hint = didYouMean(name, channels, ""); hint != "" {
		return problem, hint
	}
	if !lifecycle.IsChannelName(name) {
		return problem, "there are: " + oneOf(channels) + "; those of others are lower-case letters, digits and dashes"
	}
	return "", ""
}

// ChannelProblem says why nothing can be a channel of that name, neither the program's nor one that a connector brings; "" if
// something can.
func ChannelProblem(name string) (problem, hint string) { return channelProblem(name) }

// readMessage reads messages/NAME.CHANNEL[.LOCALE].liquid. The body is Liquid, which is not looked at here.
func readMessage(full, path string, text []byte) (*lifecycle.Template, Errors) {
	t := newTemplate(full)
	var errs Errors
	report := func(line int, hint, format string, args ...any) {
		errs = append(errs, problem(full, line, hint, format, args...))
	}
	if !readNames(t, strings.TrimPrefix(path, "messages/"), "message", report) || !readText(t, text, report) {
		return t, errs
	}
	front, body, bodyLine, err := splitFront([]byte(t.Body))
	if err != nil {
		report(1, "end the front matter with a line ---", "%s", err.Error())
		return t, errs
	}
	t.Body, t.Line = string(body), bodyLine
	readFront(t, front, report)
	if len(errs) == 0 && lifecycle.KindOf(t.Channel) == "email" && strings.TrimSpace(t.Front["subject"]) == "" {
		report(1, `begin the file with lines ---, subject: …, ---`, "an email needs a subject")
	}
	return t, errs
}

// reporter takes what is wrong with a file, by line.
type reporter func(line int, hint, format string, args ...any)

func newTemplate(full string) *lifecycle.Template {
	return &lifecycle.Template{File: full, Front: map[string]string{}, Line: 1}
}

// readNames reads NAME.CHANNEL[.LOCALE].liquid, and reports false if it is nothing like that.
func readNames(t *lifecycle.Template, name, what string, report reporter) bool {
	form := map[string]string{"message": "thank-you", "layout": "base"}[what]
	parts := strings.Split(name, ".")
	if parts[len(parts)-1] != "liquid" || len(parts) < 3 || len(parts) > 4 {
		report(1, fmt.Sprintf("name it like %s.email.liquid, or %s.email.vi.liquid", form, form), "the file's name does not say which %s and channel it is", what)
		return false
	}
	t.Name, t.Channel = parts[0], parts[1]
	if !validName(t.Name) {
		report(1, nameRule, "%q cannot name a %s", cut(t.Name, 80), what)
	}
	if problem, hint := channelProblem(t.Channel); problem != "" {
		report(1, hint, "%s", problem)
	}
	if len(parts) == 4 {
		if t.Locale = parts[2]; !validLocale(t.Locale) {
			report(1, "write it like vi, pt-BR or zh-Hant", "%q is not a locale", cut(t.Locale, 80))
		}
	}
	return true
}

// readText takes a file's text for the body, if it is text of a size that is taken.
func readText(t *lifecycle.Template, text []byte, report reporter) bool {
	if len(text) > MaxMessageBytes {
		report(1, "", "a message may have %d KB, this one has %d bytes", MaxMessageBytes>>10, len(text))
		return false
	}
	text = bytes.TrimPrefix(text, byteOrderMark)
	if !utf8.Valid(text) {
		report(1+bytes.Count(text[:firstInvalid(text)], []byte{'\n'}), "save the file as UTF-8", "the message is not UTF-8 text")
		return false
	}
	t.Body = string(text)
	return true
}

func firstInvalid(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
	return len(text)
}

func validLocale(text string) bool {
	for i, part := range strings.Split(text, "-") {
		if len(part) < 2 || len(part) > 8 || i > 3 || i == 0 && len(part) > 3 {
			return false
		}
		for _, c := range []byte(part) {
			if !isAlpha(c) && (i == 0 || !isDigit(c)) {
				return false
			}
		}
	}
	return true
}

// splitFront separates what stands between a first line --- and the next one. Without a first line --- all is body.
func splitFront(text []byte) (front, body []byte, bodyLine int, err error) {
	first, rest, _ := bytes.Cut(text, []byte{'\n'})
	if string(bytes.TrimRight(first, " \t\r")) != "---" {
		return nil, text, 1, nil
	}
	front = rest
	for line := 2; len(rest) > 0; line++ {
		var this []byte
		at := len(front) - len(rest)
		this, rest, _ = bytes.Cut(rest, []byte{'\n'})
		if string(bytes.TrimRight(this, " \t\r")) == "---" {
			if at > maxFrontBytes {
				break
			}
			return front[:at], rest, line + 1, nil
		}
	}
	if len(front) > maxFrontBytes {
		return nil, nil, 0, fmt.Errorf("the front matter does not end within %d KB", maxFrontBytes>>10)
	}
	return nil, nil, 0, fmt.Errorf("the front matter does not end")
}
