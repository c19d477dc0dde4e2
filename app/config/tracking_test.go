package config_test

import (
	"strings"
	"testing"

	"stagecraft/app/config"
)

func TestTracking(t *testing.T) {
	check := func(args ...string) (config.Config, error) {
		c, err := parse(t, args...)
		if err == nil {
			err = c.Check()
		}
		return c, err
	}
	c, err := check("--track", "clicks", "--tracking-url", "https://go.shop.example/", "--utm", "source=shop")
	if err != nil || c.Tracking.URL != "https://go.shop.example" || len(c.Tracking.Track) != 1 || c.Tracking.UTM != "source=shop" {
		t.Errorf("%+v, %v", c.Tracking, err)
	}
	for flag, value := range map[string]string{"--track": "everything", "--tracking-url": "go.shop.example"} {
		if _, err := check(flag, value); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s %s: %v", flag, value, err)
		}
	}
	if _, err := check("--track", "none,clicks"); err == nil {
		t.Error("none and clicks together are taken")
	}
}
