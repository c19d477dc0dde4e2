package config_test

import (
	"slices"
	"testing"
)

// Keys are sources too, and are called as people like.
func TestSourcesOfThePrecedence(t *testing.T) {
	for list, good := range map[string]bool{"crm,api,shop A": true, "Till (Köln),browser": true, "api,api": false, "-crm": false, "crm, api": false} {
		c, err := parse(t, "--source-precedence="+list)
		if err == nil {
			err = c.Check()
		}
		if (err == nil) != good || good && !slices.Contains(c.Sources.Precedence, "api") && !slices.Contains(c.Sources.Precedence, "browser") {
			t.Errorf("%q: %v", list, err)
		}
	}
}
