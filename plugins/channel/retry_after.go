package channel

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter is the longest wish that is followed.
const maxRetryAfter = 24 * time.Hour

// RetryAfter reads the header of that name in a provider's answer (RFC 9110, 10.2.3): seconds, or a date. It is for the
// RetryAfter of a receipt. More than a day is a day. The past and anything else are no wish: 0.
func RetryAfter(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if text != "" && strings.Trim(text, "0123456789") == "" {
		seconds, err := strconv.Atoi(text)
		if longest := int(maxRetryAfter / time.Second); err != nil || seconds > longest { // more than fits is more, too
			seconds = longest
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return max(0, min(at.Sub(now), maxRetryAfter))
}
