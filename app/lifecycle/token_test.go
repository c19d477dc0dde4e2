package lifecycle_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

var (
	tokenNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tokens   = lifecycle.NewTokens([]byte("a key of the backend"))
)

// handMade signs as the documentation tells a backend to.
func handMade(key, header, claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(header)) + "." + encode([]byte(claims))
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(signed))
	return signed + "." + encode(mac.Sum(nil))
}

func TestToken(t *testing.T) {
	ends := tokenNow.Add(time.Hour)
	for _, user := range []string{"ada", "người dùng 7", `"quoted"\`, "a.b.c"} {
		got, until, err := tokens.Read(tokens.Sign(user, ends), tokenNow)
		if err != nil || got != user || !until.Equal(ends) {
			t.Errorf("%q: %q %v %v", user, got, until, err)
		}
	}
	if _, _, err := tokens.Read(tokens.Sign("ada", ends), ends); lifecycle.CodeOf(err) != lifecycle.Unauthorized || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("at its end: %v", err)
	}
	if _, _, err := (lifecycle.Tokens{}).Read((lifecycle.Tokens{}).Sign("ada", ends), tokenNow); err == nil {
		t.Error("a token was read without a key")
	}
	if got, want := tokens.Sign("ada", ends), handMade("a key of the backend", `{"alg":"HS256","typ":"JWT"}`, `{"exp":1772370000,"sub":"ada"}`); got != want {
		t.Errorf("a token of ours is %s, want %s", got, want)
	}
}

func TestTokenOfOthers(t *testing.T) {
	const key = "a key of the backend"
	for name, c := range map[string]struct{ key, header, claims, problem string }{
		"other order":       {key, `{"typ":"JWT","alg":"HS256"}`, `{"exp":1772370000,"iat":1,"sub":"ada","role":"x"}`, ""},
		"end with fraction": {key, `{"alg":"HS256"}`, `{"exp":1772370000.5,"sub":"ada"}`, ""},
		"other key":         {"another", `{"alg":"HS256"}`, `{"exp":1772370000,"sub":"ada"}`, "not signed"},
		"no algorithm":      {key, `{"alg":"none"}`, `{"exp":1772370000,"sub":"ada"}`, "another algorithm"},
		"stronger one":      {key, `{"alg":"HS512"}`, `{"exp":1772370000,"sub":"ada"}`, "another algorithm"},
		"critical":          {key, `{"alg":"HS256","crit":["x"]}`, `{"exp":1772370000,"sub":"ada"}`, "another algorithm"},
		"no end":            {key, `{"alg":"HS256"}`, `{"sub":"ada"}`, "no end"},
		"endless":           {key, `{"alg":"HS256"}`, `{"exp":1e300,"sub":"ada"}`, "no end"},
		"text as end":       {key, `{"alg":"HS256"}`, `{"exp":"1772370000","sub":"ada"}`, "cannot be read"},
		"nobody":            {key, `{"alg":"HS256"}`, `{"exp":1772370000}`, "names no user"},
		"long name":         {key, `{"alg":"HS256"}`, `{"exp":1772370000,"sub":"` + strings.Repeat("a", 201) + `"}`, "names no user"},
		"not yet":           {key, `{"alg":"HS256"}`, `{"exp":1772370000,"nbf":1772369000,"sub":"ada"}`, "not valid yet"},
		"no JSON":           {key, `alg`, `{}`, "cannot be read"},
	} {
		user, _, err := tokens.Read(handMade(c.key, c.header, c.claims), tokenNow)
		switch {
		case c.problem == "":
			if err != nil || user != "ada" {
				t.Errorf("%s: %q %v", name, user, err)
			}
		case lifecycle.CodeOf(err) != lifecycle.Unauthorized || !strings.Contains(err.Error(), c.problem):
			t.Errorf("%s: %q %v, want %q", name, user, err, c.problem)
		}
	}
}

// No character of a token may be another one.
func TestTokenAltered(t *testing.T) {
	token := tokens.Sign("ada", tokenNow.Add(time.Hour))
	for at := range token {
		for _, c := range []byte("aZ9_-.\n=") {
			altered := []byte(token)
			if altered[at] == c {
				continue
			}
			altered[at] = c
			if user, _, err := tokens.Read(string(altered), tokenNow); err == nil {
				t.Fatalf("%s was read as %q", altered, user)
			}
		}
	}
	for _, other := range []string{"", token + "=", token + "\n", " " + token, token[:len(token)-1], token + ".x", strings.Repeat("a", 3000)} {
		if _, _, err := tokens.Read(other, tokenNow); err == nil {
			t.Errorf("%q was read", other)
		}
	}
}

func FuzzToken(f *testing.F) {
	f.Add(tokens.Sign("ada", tokenNow.Add(time.Hour)))
	f.Add(handMade("a key of the backend", `{"alg":"HS256"}`, `{"exp":1,"sub":1}`))
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		user, ends, err := tokens.Read(token, tokenNow)
		if err != nil {
			return
		}
		if user == "" || !ends.After(tokenNow) || !strings.HasSuffix(token, handMadeMAC(token)) {
			t.Errorf("%q was read as %q until %v", token, user, ends)
		}
	})
}

func handMadeMAC(token string) string {
	mac := hmac.New(sha256.New, []byte("a key of the backend"))
	mac.Write([]byte(token[:strings.LastIndexByte(token, '.')]))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
