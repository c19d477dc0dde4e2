package app_test

import (
	"strings"
	"testing"
)

// A link that does not work says so in its title: it need not have been one to unsubscribe.
func TestThePageOfABrokenLink(t *testing.T) {
	s := startServer(t)
	for _, path := range []string{"/c/abc", "/s/abcdefabcdef", "/r/abc", "/u/abc", "/p/abc"} {
		status, text, _ := s.call("GET", path, nil)
		if status != 404 || !strings.Contains(text, "<title>This link does not work.</title>") {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}
