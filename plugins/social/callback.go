package social

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"stagecraft/plugins/channel"
)

func reply(status int, text string) channel.Reply {
	return channel.Reply{Status: status, ContentType: "text/plain; charset=utf-8", Body: []byte(text)}
}

// Answers to callbacks. What is signed and not understood is answered well too: networks add kinds of events at any time,
// and stop calling where they are refused.
func understood() channel.Reply { return reply(http.StatusOK, "ok") }

func unsigned() channel.Reply {
	return reply(http.StatusForbidden, "the signature is missing or wrong")
}

func unreadable() channel.Reply {
	return reply(http.StatusBadRequest, "the body is not the JSON that is expected")
}

func wrongMethod() channel.Reply {
	return reply(http.StatusMethodNotAllowed, "only POST is answered here")
}

// signedBy checks an HMAC-SHA-256 in hex. Without a key nothing is signed.
func signedBy(key, signature string, parts ...string) bool {
	given, err := hex.DecodeString(signature)
	if err != nil || key == "" {
		return false
	}
	sum := hmac.New(sha256.New, []byte(key))
	for _, part := range parts {
		_, _ = sum.Write([]byte(part))
	}
	return hmac.Equal(sum.Sum(nil), given)
}

// same compares secrets. An empty one is the same as nothing.
func same(secret, given string) bool {
	a, b := sha256.Sum256([]byte(secret)), sha256.Sum256([]byte(given))
	return secret != "" && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// query reads the parameters of the address that was called.
func query(c *channel.Callback) url.Values {
	at, err := url.Parse(c.URL)
	if err != nil {
		return nil
	}
	return at.Query()
}

// seconds and milliseconds read a time that some networks write as a number and others as text; now stands for what
// cannot be the time of something that has happened.
func seconds(text json.Number, now time.Time) time.Time { return moment(text, 1000, now) }

func milliseconds(text json.Number, now time.Time) time.Time { return moment(text, 1, now) }

func moment(text json.Number, factor int64, now time.Time) time.Time {
	value, err := strconv.ParseInt(text.String(), 10, 64)
	if latest := now.Add(24 * time.Hour).UnixMilli(); err != nil || value <= 0 || value > latest/factor {
		return now
	}
	return time.UnixMilli(value * factor).UTC()
}

// isID reports whether a text that came back from a network can be the ID of a message of ours.
func isID(text string) bool {
	return text != "" && len(text) <= channel.MaxIDBytes && strings.Trim(text, "0123456789abcdefABCDEF") == ""
}
