package push

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"stagecraft/plugins/channel"
)

// toBrowser hands an encrypted notification to the push service of a browser (RFC 8030, 5).
func (s *sender) toBrowser(ctx context.Context, to *subscription, n *notification) channel.Receipt {
	if s.settings.vapid == nil {
		return permanent("the address is a browser's, and vapid_private_key is not set")
	}
	if to.endpoint.Scheme != "https" && !s.settings.allowed[hostName(to.endpoint.Hostname())] {
		return permanent("the subscription's endpoint is not an https address")
	}
	plain, err := n.forBrowser()
	if err != nil {
		return permanent(err.Error())
	}
	body, err := to.encrypt(plain)
	if err != nil {
		return permanent(err.Error())
	}
	authorization, err := s.settings.vapid.authorization(to.origin(), time.Now())
	if err != nil {
		return temporary("the request cannot be signed: "+plainly(err), 0)
	}
	request, err := http.NewRequest(http.MethodPost, to.endpoint.String(), bytes.NewReader(body))
	if err != nil {
		return permanent("the subscription's endpoint cannot be used")
	}
	request.Header.Set("Content-Type", "application/octet-stream")
	request.Header.Set("Content-Encoding", "aes128gcm")
	request.Header.Set("Authorization", authorization)
	request.Header.Set("TTL", strconv.Itoa(n.ttl))
	request.Header.Set("Urgency", n.urgency)
	if n.collapse != "" {
		request.Header.Set("Topic", topic(n.collapse))
	}
	answer, receipt := exchange(ctx, s.browsers, request)
	if receipt.Outcome != 0 {
		return receipt
	}
	receipt = s.judgeBrowser(to.endpoint.Hostname(), answer)
	s.rests.heed(to.endpoint.Host, to.endpoint.String(), time.Now(), answer.status, receipt)
	return receipt
}

// judgeBrowser makes a receipt of a push service's answer: RFC 8030, 5 and 7.3 for subscriptions that are gone, RFC 8292,
// 4.2 for keys that are refused.
func (s *sender) judgeBrowser(host string, answer answer) channel.Receipt {
	reason := answer.reason(host)
	switch code := answer.status; {
	case code >= 200 && code < 300:
		s.trouble.over(host)
		return channel.Receipt{Outcome: channel.Accepted}
	case code == http.StatusNotFound || code == http.StatusGone:
		return gone(reason + "; the browser has unsubscribed")
	case code == http.StatusUnauthorized || code == http.StatusForbidden && strings.Contains(string(answer.body), "BadJwtToken"): // Apple's name for it
		s.trouble.tell(host, reason+"; check vapid_private_key, contact and this machine's clock")
		return temporary(reason+"; it refuses our VAPID token", answer.retryAfter)
	case code == http.StatusForbidden:
		s.trouble.tell(host, reason+"; was vapid_private_key changed after browsers had subscribed?")
		return permanent(reason + "; the browser subscribed with another VAPID key and must subscribe again")
	case answer.passing():
		return temporary(reason, answer.retryAfter)
	}
	return permanent(reason)
}
