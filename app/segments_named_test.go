package app_test

import (
	"net/http"
	"strings"
	"testing"
)

// What is said of a name that names no segment is the name as somebody wrote it.
func TestANameThatNamesNoSegment(t *testing.T) {
	s := startServer(t, withScripts(t, map[string]string{}))
	for name, said := range map[string]string{"Bad%20Name!": `\"Bad Name!\" cannot name a segment`, "..%2Fcare%2Fjourney": `\"../care/journey\" cannot name a segment`} {
		for method, body := range map[string]any{"GET": nil, "PUT": map[string]any{"text": "member(function() return true end)"}, "DELETE": nil} {
			if status, text, _ := s.call(method, "/v1/segments/"+name, body); status != http.StatusBadRequest || !strings.Contains(text, said) {
				t.Errorf("%s %s: %d %s", method, name, status, text)
			}
		}
	}
}
