package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/config"
)

func TestChannelsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "channels.json")
	read := func(text string) ([]config.ChannelSpec, error) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return config.ChannelsFile(path).Read()
	}
	specs, err := read(`{"social": {"connector": "our-own"}, "sms": {"settings": {"provider": "twilio", "token": "s3cret"}}}`)
	if err != nil || len(specs) != 2 {
		t.Fatalf("%v, %v", specs, err)
	}
	if sms := specs[0]; sms.Channel != "sms" || sms.Connector != "" || !strings.Contains(string(sms.Settings), "twilio") {
		t.Errorf("sms is %+v", sms)
	}
	if social := specs[1]; social.Channel != "social" || social.Connector != "our-own" || string(social.Settings) != "{}" {
		t.Errorf("social is %+v", social)
	}
	if more, err := read(`{"email-news": {"settings": {"host": "mx"}}, "sms-vn": {}}`); err != nil || len(more) != 2 || more[0].Channel != "email-news" {
		t.Errorf("further channels: %+v, %v", more, err)
	}
	for text, want := range map[string]string{
		`{"email": {}}`:                                 `"email" is no channel`,
		`{"sms": {"settings": "s3cret"}}`:               "must be a JSON object",
		`{"sms": {"setings": {"token": "s3cret"}}}`:     "one JSON object of channels",
		`{"sms": {"settings": {"token": "s3cret"}}} {}`: "something behind",
		`["s3cret"]`: "one JSON object of channels",
		`null`:       "one JSON object of channels",
		`{"sms": {"settings": {"token": "s3cret"}}`:          "one JSON object of channels",
		`{"sms": {"settings": {}, "connector": ["s3cret"]}}`: "one JSON object of channels",
	} {
		if _, err := read(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if specs, err := config.ChannelsFile("").Read(); specs != nil || err != nil {
		t.Errorf("no file: %v, %v", specs, err)
	}
	if _, err := config.ChannelsFile(path + ".none").Read(); err == nil {
		t.Error("a file that is not there was read")
	}
}

func FuzzChannelsFile(f *testing.F) {
	f.Add([]byte(`{"sms": {"settings": {"provider": "twilio"}}}`))
	f.Add([]byte(`{"push": {"connector": "x"}}`))
	path := filepath.Join(f.TempDir(), "channels.json")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		specs, err := config.ChannelsFile(path).Read()
		for _, spec := range specs {
			if err != nil || spec.Channel == "" || len(spec.Settings) == 0 {
				t.Fatalf("%+v, %v", spec, err)
			}
		}
	})
}
