package webhook

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"stagecraft/plugins/channel"
)

const (
	hidden      = "********" // stands where a secret was
	leastSecret = 6          // bytes; shorter values of a query turn up in ordinary words
)

// secretField is a member of a JSON object, a form or a header whose name says that its value is nobody's business.
var secretField = regexp.MustCompile(`(?i)("?[\w-]*(?:password|passwd|secret|token|api[_-]?key|authorization|cookie|signature|session)[\w-]*"?\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|(?:bearer |basic )?[^\s,;&"}]+)`)

// bearer is what follows the names of the usual schemes of authorization.
var bearer = regexp.MustCompile(`(?i)\b(bearer|basic) [A-Za-z0-9._~+/=-]{6,}`)

// cover hides secrets in what a receiver says: ours, those in the address that it was posted to, and what looks like one.
func cover(s *settings, request *http.Request, text string) string {
	if text == "" {
		return ""
	}
	text = ownSecrets(s, request).Replace(text)
	text = secretField.ReplaceAllStringFunc(text, func(found string) string {
		part := secretField.FindStringSubmatch(found)
		if strings.HasPrefix(part[2], `"`) {
			return part[1] + `"` + hidden + `"`
		}
		return part[1] + hidden
	})
	return bearer.ReplaceAllString(text, "$1 "+hidden)
}

func ownSecrets(s *settings, request *http.Request) *strings.Replacer {
	var pairs []string
	hide := func(text string) {
		if len(text) >= leastSecret {
			pairs = append(pairs, text, hidden)
		}
	}
	for _, key := range s.keys {
		encoded := base64.StdEncoding.EncodeToString(key)
		hide("whsec_" + encoded)
		hide(encoded)
	}
	for signature := range strings.FieldsSeq(request.Header.Get("Webhook-Signature")) {
		hide(strings.TrimPrefix(signature, "v1,"))
	}
	for _, values := range request.URL.Query() {
		for _, value := range values {
			hide(value)
			hide(url.QueryEscape(value))
		}
	}
	return strings.NewReplacer(pairs...)
}

// told adds to a receipt what is kept of an attempt: how long it took, and what was answered. A status of 0 is none.
func told(r channel.Receipt, took time.Duration, status int, text string) channel.Receipt {
	r.Data = map[string]string{channel.FactTook: strconv.FormatInt(took.Milliseconds(), 10)}
	if status != 0 {
		r.Data[channel.FactStatus] = strconv.Itoa(status)
	}
	if text != "" {
		r.Data[channel.FactAnswer] = strings.ToValidUTF8(text[:min(len(text), maxKept)], "")
	}
	return r
}

// beginning is the part of an answer that is looked at, as text in which nothing but lines and tabs controls anything.
// It is longer than what is kept, so that no half of a secret stands at its end.
func beginning(body []byte) string {
	body = body[:min(len(body), 4*maxKept)]
	text := strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(body), "\uFFFD"))
	return strings.TrimSpace(text)
}
