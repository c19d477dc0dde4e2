package config_test

import (
	"strings"
	"testing"

	"stagecraft/app/config"
)

func TestCallDispositions(t *testing.T) {
	for name, want := range map[string]string{
		"interested": "", "voicemail,not-interested": "", "reached": "reached is there already", "a,b,a": "a is there already",
		"Not interested": "cannot name one", "-": "cannot name one", "": "cannot name one", strings.Repeat("x", 41): "cannot name one",
		strings.Repeat("x,", 20) + "x": "at most 20",
	} {
		c := config.Config{CallDispositions: strings.Split(name, ",")}
		found := ""
		if err := c.Check(); err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if strings.HasPrefix(line, "--call-dispositions: ") {
					found += line
				}
			}
		}
		if want == "" && found != "" || !strings.Contains(found, want) {
			t.Errorf("%q: %q, want %q", name, found, want)
		}
	}
}
