package script_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"stagecraft/app/script"
)

func TestTopics(t *testing.T) {
	topics, err := script.ReadTopics(fstest.MapFS{"topics.yaml": {Data: []byte("# what people choose\nnews: { en: News, vi: Tin tức }\noffers: Angebote\n")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ topic, language, want string }{
		{"news", "vi", "Tin tức"}, {"news", "en", "News"}, {"news", "de", "News"}, {"offers", "vi", "Angebote"}, {"other", "en", ""},
	} {
		if got := topics.Title(c.topic, c.language); got != c.want {
			t.Errorf("%s in %s is %q", c.topic, c.language, got)
		}
	}
	if topics, err = script.ReadTopics(fstest.MapFS{}); len(topics) > 0 || err != nil {
		t.Errorf("without the file: %v, %v", topics, err)
	}
	for text, want := range map[string]string{
		"- news": "topics.yaml:1", "\nBig News: x": "topics.yaml:2", "news: { en: [] }": "one line", "news: { english: News }": "no language",
		"news: x\nnews: y": "topics.yaml", "news: {": "not YAML", "news:\n  vi: ''": "topics.yaml:2",
	} {
		_, err := script.ParseTopics([]byte(text))
		var errs script.Errors
		if !errors.As(err, &errs) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzTopics(f *testing.F) {
	f.Add([]byte("news: { en: News, vi: Tin tức }\noffers: x"))
	f.Add([]byte("a: &a {en: x}\nb: *a"))
	f.Add([]byte("news: !!binary x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		topics, err := script.ParseTopics(text)
		for name, titles := range topics {
			if err != nil || name == "" || topics.Title(name, "en") != "" && strings.ContainsAny(topics.Title(name, "en"), "\r\n") {
				t.Fatalf("%q: %v, %v", name, titles, err)
			}
		}
	})
}
