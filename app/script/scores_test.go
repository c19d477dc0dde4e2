package script_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// What the documentation shows of scores is what can be published.
func TestDocumentedScores(t *testing.T) {
	text, err := os.ReadFile("../../docs/scores.md")
	if err != nil {
		t.Fatal(err)
	}
	host := script.New(script.Limits{})
	handlers := "stage { title = \"A\" }\n"
	for _, block := range regexp.MustCompile("(?s)```lua([^\n]*)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		switch strings.TrimSpace(block[1]) {
		case "scores.lua":
			rules, errs := host.Scores([]byte(block[2]))
			if len(errs) > 0 || len(rules) != 3 || rules.Of("heat").HalfLife != 14*24*time.Hour || *rules.Of("fit").Cap != 50 || rules.Of("").Thresholds[0] != 50 {
				t.Errorf("%+v %v", rules, errs)
			}
		case "segment":
			source := script.Source{Name: script.SegmentsFolder, Files: map[string][]byte{"champions.lua": []byte(block[2])}}
			if segments, err := host.CompileSegments(source); err != nil || !segments.Ranked() {
				t.Error(err)
			}
		default:
			handlers += block[2]
		}
	}
	source := script.Source{Name: "j", Files: map[string][]byte{"journey.lua": []byte(`journey { title = "J", stages = { "a" } }`), "a.lua": []byte(handlers),
		"messages/let-us-talk.email.liquid": []byte("---\nsubject: Hello\n---\nHello {{ customer.name }}")}}
	program, err := host.Compile(source)
	if err != nil || !program.Mentions("Score Reached") || !program.Mentions("Score Fell Below") {
		t.Error(err)
	}
}

func TestMistakesInScores(t *testing.T) {
	host := script.New(script.Limits{})
	for text, want := range map[string]string{
		"\nscore(10)": "scores.lua:2: score needs a table here",
		"score { name = \"a\" }\nscore { name = \"a\" }": `scores.lua:2: the score "a" is declared twice`,
		"score { capp = 1 }":                             `scores.lua:1: a score has no "capp"`,
		"score { cap = 10, thresholds = { 5, 20 } }":     "scores.lua:1: the score never gets across 20",
		"score { cap = -1 }":                             "scores.lua:1: the cap of a score cannot be -1",
		"score { floor = 3 }":                            "scores.lua:1: the floor of a score cannot be 3",
		"score { thresholds = { 5, 5 } }":                "scores.lua:1: thresholds of a score must be a list",
		"score { thresholds = 5 }":                       "scores.lua:1: thresholds of a score must be a list",
		"score { half_life = 5 }":                        "scores.lua:1: half_life of a score must be a duration",
		"score { half_life = \"5 dais\" }":               "scores.lua:1: ",
		"score { name = \"\" }":                          "scores.lua:1: name of a score must be a text",
		"scroe { }":                                      "scores.lua:1: ",
		"score {":                                        "scores.lua:1: ",
	} {
		problems := host.CheckScores(fstest.MapFS{"scores.lua": {Data: []byte(text)}})
		if len(problems) == 0 {
			t.Errorf("%s: nothing was found", text)
			continue
		}
		if got := problems[0].File + ":" + strconv.Itoa(problems[0].Line) + ": " + problems[0].Message; !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	if rules, err := host.ReadScores(fstest.MapFS{}); err != nil || rules != nil {
		t.Error(rules, err)
	}
}

// Whatever stands in the file: it is refused with a line, or gives rules that can be used.
func FuzzScores(f *testing.F) {
	f.Add(`score { name = "heat", half_life = "14 days", cap = 100, floor = -5, thresholds = { 20, 60 } } score {}`)
	f.Add("for i = 1, 60 do score { name = 'n' .. i, thresholds = { i } } end")
	f.Add("score { cap = 0/0 } score { thresholds = { -1, 1e300 } }")
	f.Add("score(score) score { [1] = 2 } score(nil) while true do end")
	host := script.New(script.Limits{})
	f.Fuzz(func(t *testing.T, text string) {
		rules, errs := host.Scores([]byte(text))
		for _, err := range errs {
			if err.File != script.ScoresFile || err.Message == "" {
				t.Errorf("%+v", err)
			}
		}
		c := &lifecycle.Customer{}
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		for i, rule := range rules {
			if i > 0 && rules[i-1].Name >= rule.Name {
				t.Error("they are not in order")
			}
			c.Give(rules.Bind(lifecycle.Award{Name: rule.Name, Points: 1e6}), now)
			c.Give(rules.Bind(lifecycle.Award{Name: rule.Name, Points: -3e6}), now)
			c.CrossScores(rules, 1, now)
		}
	})
}
