package web_test

import (
	"fmt"
	"strings"
	"testing"

	"stagecraft/app/web"
)

// A list is told from its content.
func TestListsOfBroadcasts(t *testing.T) {
	for list, want := range map[string]string{
		"userId,code\nada,A1\n\"bob\",\"B,2\"\n":               `ada||{"code":"A1"} bob||{"code":"B,2"}`,
		"\xef\xbb\xbfE-Mail;Name\r\nAda@x.org;Ada\r\n":         `|Ada@x.org|{"Name":"Ada"}`,
		"ada@x.org\nbob@x.org":                                 `|ada@x.org| |bob@x.org|`,
		"id\temail\n7\ta@x.org":                                `7|a@x.org|`,
		`["ada", "bob@x.org", {"userId": 7, "n": {"x": [1]}}]`: `ada|| |bob@x.org| 7||{"n":{"x":[1]}}`,
		"{\"email\":\"a@x.org\"}\n\n{\"user_id\":\"u\"}\n":     `|a@x.org| u||`,
		`[{"email": "a@x.org", "userId": null, "id": null}]`:   `|a@x.org|`,
		"\"ada\"\n\"bob\"":                                     `ada|| bob||`,
		"\"userId\",\"x\"\n\"ada\",\"1\"":                      `ada||{"x":"1"}`,
	} {
		members, err := web.ReadMembers([]byte(list))
		var got []string
		for _, m := range members {
			got = append(got, fmt.Sprintf("%s|%s|%s", m.UserID, m.Email, m.Row))
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q: %v %v", list, got, err)
		}
	}
	for list, want := range map[string]string{
		"": "empty", "name\nAda": "no column", "userId,code\n,A1": "row 2", "[1]": "row 1", "{": "row 1", "userId\na,b": "row 2", "[": "JSON",
	} {
		if _, err := web.ReadMembers([]byte(list)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", list, err)
		}
	}
}

func FuzzListsOfBroadcasts(f *testing.F) {
	f.Add([]byte("userId,code\nada,A1\n"))
	for _, seed := range []string{
		`["a", {"email": 1}]`, `[{"email":"a@x.org","userId":null}]`, "{\"email\":\"a@x.org\"}\n\n{\"user_id\":\"u\"}\n", "\xef\xbb\xbfE-Mail;Name\r\nAda@x.org;Ada\r\n",
		"\"userId\",\"x\"\n\"ada\",\"1\"", "\"ada\"\n\"bob\"", "id\temail\n7\t", "userId,a\n\"x\"\"", "[null]", "{\"a\":", "\"",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		members, err := web.ReadMembers(data)
		for _, m := range members {
			if err == nil && m.UserID == "" && m.Email == "" {
				t.Fatalf("a row names nobody: %q", data)
			}
		}
	})
}
