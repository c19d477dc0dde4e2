package cli_test

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stagecraft/app/cli"
)

// customers reads a list with rules and writes one line for each row: the customer as the server gets it, or what is
// wrong with the row.
func customers(t *testing.T, text string, stages map[string]string, rules ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := cli.OpenCustomers(path, nil, "list", rules, stages)
	if err != nil {
		return err.Error()
	}
	defer source.Close()
	var out strings.Builder
	for {
		record, err := source.Next()
		switch {
		case err == io.EOF:
			return out.String()
		case err != nil:
			return out.String() + "failed: " + err.Error()
		case record.Err != nil:
			out.WriteString(record.Err.Error() + "\n")
		default:
			out.WriteString(cli.CustomerJSON(record) + "\n")
		}
	}
}

func TestCustomerMapping(t *testing.T) {
	for name, check := range map[string]struct {
		in     string
		stages map[string]string
		rules  []string
		want   string
	}{
		"guessed": {
			in:   "ID,Email,Mobile,First Name,created_at,Tags\n7,ada@example.com,+84 901,Ada,2024-05-01,\"vip, spring\"\n",
			want: `{"userId":"7","email":"ada@example.com","phone":"+84 901","created":"2024-05-01T00:00:00Z","tags":["vip","spring"],"traits":{"first_name":"Ada"}}` + "\n",
		},
		"guessed of who wants no mail": {
			in: "id,Unsubscribed,do_not_contact,Email Opt Out,UNSUB_TIME\n1,yes,,,\n2,0,1,no,\n3,,,TRUE,\n4,,,,2024-05-01\n5,perhaps,,,\n6,unsubscribed,,,\n7,subscribed,,,\n",
			want: `{"userId":"1","consents":[{"granted":false,"source":""}]}` + "\n" + `{"userId":"2","consents":[{"granted":false,"source":""}]}` + "\n" +
				`{"userId":"3","consents":[{"channel":"email","granted":false,"source":""}]}` + "\n" +
				`{"userId":"4","consents":[{"channel":"email","granted":false,"at":"2024-05-01T00:00:00Z","source":""}]}` + "\n" +
				`list.csv:6: unsubscribed "perhaps" is neither yes nor no, nor a date` + "\n" +
				`{"userId":"6","consents":[{"granted":false,"source":""}]}` + "\n" + `{"userId":"7"}` + "\n",
		},
		"nobody's names": {
			in:    "user_id,email,unsubscribed,crm\nNULL,a@example.com,yes,\n0,,yes,\n#N/A,,,17\n\\N,,,n/a\nada,,,NULL\n",
			rules: []string{"userId=user_id", "email=email", "unsubscribed=unsubscribed", "externalId.crm=crm"},
			want: `{"email":"a@example.com","consents":[{"granted":false,"source":""}]}` + "\n" +
				`list.csv:3: the row does not say who it is about: "0" names nobody, and there is no email or phone` + "\n" +
				`{"anonymousId":"source:crm:17","identities":[{"kind":"external:crm","value":"17"}]}` + "\n" +
				`list.csv:5: the row does not say who it is about: "n/a" names nobody, and there is no email or phone` + "\n" +
				`{"userId":"ada"}` + "\n",
		},
		"guessed of two alike": {
			in:   "id,email,City,city\n1,a@example.com,Hue,Hanoi\n",
			want: `list.csv:1: columns 3 and 4, "City" and "city", would both be taken for traits.city; give one of them another name in the first line, or say with --map what the columns mean`,
		},
		"guessed of the same": {
			in:   "id,unsubscribed,unsubscribed\n1,yes,no\n",
			want: `list.csv:1: columns 2 and 3, "unsubscribed" and "unsubscribed", would both be taken for unsubscribed; give one of them another name in the first line, or say with --map what the columns mean`,
		},
		"guessed beside nameless ones": {
			in:   "id,,a=b,City\n1,x,y,Hue\n",
			want: `{"userId":"1","traits":{"city":"Hue"}}` + "\n",
		},
		"guessed of rejects": {
			in:   "rejected_line,rejected_reason,id,City\n7,bad,1,Hue\n",
			want: `{"userId":"1","traits":{"city":"Hue"}}` + "\n",
		},
		"guessed of how they stand": {
			in: "id,email_subscribe\n1,opted_in\n2,unsubscribed\n3,true\n",
			want: `{"userId":"1","consents":[{"channel":"email","granted":true,"source":""}]}` + "\n" +
				`{"userId":"2","consents":[{"channel":"email","granted":false,"source":""}]}` + "\n" +
				`list.csv:4: status.email "true" is not known; there are subscribed, enabled, confirmed, active, unconfirmed, pending, unsubscribed, disabled, blocklisted, blacklisted, bounced, bounce, cleaned, complained, complaint, abuse` + "\n",
		},
		"placed": {
			in:     "id,stage,when\n1,VIP,2024-05-01\n2,,\n3,gone,2024-05-02\n4,member,soon\n",
			stages: map[string]string{"VIP": "active", "gone": ""},
			rules:  []string{"userId=id", "stage.club=stage", "since.club=when"},
			want: `{"userId":"1","stages":[{"journey":"club","stage":"active","since":"2024-05-01T00:00:00Z"}]}` + "\n" + `{"userId":"2"}` + "\n" + `{"userId":"3"}` + "\n" +
				`list.csv:5: since.club "soon" is not a date between 1900 and 2200; write it like 2024-05-01, 2024-05-01 10:30:00, 2024-05-01T10:30:00Z or 1714559400` + "\n",
		},
		"consent": {
			in:    "id,mail,sms,news,off,at\n1,yes,No,2024-05-01,,2024-01-02\n2,maybe,,,,\n3,,,,2024-06-01,\n4,,,,no,\n",
			rules: []string{"userId=id", "consent.email=mail", "consent.sms=sms", "consent.*.news=news", "unsubscribed=off", "consentAt=at"},
			want: `{"userId":"1","consents":[{"channel":"email","granted":true,"at":"2024-01-02T00:00:00Z","source":""},{"channel":"sms","granted":false,"at":"2024-01-02T00:00:00Z","source":""},{"topic":"news","granted":true,"at":"2024-05-01T00:00:00Z","source":""}]}` + "\n" +
				`list.csv:3: consent.email "maybe" is neither yes nor no, nor a date` + "\n" +
				`{"userId":"3","consents":[{"granted":false,"at":"2024-06-01T00:00:00Z","source":""}]}` + "\n" + `{"userId":"4"}` + "\n",
		},
		"status": {
			in:    "id,status\n1,Subscribed\n2,un-subscribed\n3,cleaned\n4,Complained\n5,unconfirmed\n6,blocklisted\n7,odd\n",
			rules: []string{"userId=id", "status=status"},
			want: `{"userId":"1","consents":[{"channel":"email","granted":true,"source":""}]}` + "\n" +
				`list.csv:3: status "un-subscribed" is not known; there are subscribed, enabled, confirmed, active, unconfirmed, pending, unsubscribed, disabled, blocklisted, blacklisted, bounced, bounce, cleaned, complained, complaint, abuse` + "\n" +
				`{"userId":"3","suppressions":[{"channel":"email","address":"","reason":"bounced"}]}` + "\n" +
				`{"userId":"4","suppressions":[{"channel":"email","address":"","reason":"complained"}]}` + "\n" +
				`{"userId":"5"}` + "\n" + `{"userId":"6","consents":[{"channel":"email","granted":false,"source":""}]}` + "\n" +
				`list.csv:8: status "odd" is not known; there are subscribed, enabled, confirmed, active, unconfirmed, pending, unsubscribed, disabled, blocklisted, blacklisted, bounced, bounce, cleaned, complained, complaint, abuse` + "\n",
		},
		"two columns, of which one says no": {
			in:    "id,mail,why,at\n1,SUBSCRIBED,USER_SUPPRESSED,2024-05-01\n2,SUBSCRIBED,\"['HARD_BOUNCE']\",2024-05-01\n",
			rules: []string{"userId=id", "status=why", "status.email=mail", "consentAt=at"},
			want: `{"userId":"1","consents":[{"channel":"email","granted":false,"at":"2024-05-01T00:00:00Z","source":""}]}` + "\n" +
				`{"userId":"2","consents":[{"channel":"email","granted":true,"at":"2024-05-01T00:00:00Z","source":""}],"suppressions":[{"channel":"email","address":"","reason":"bounced","at":"2024-05-01T00:00:00Z"}]}` + "\n",
		},
		"external": {
			in:    "crm,shop,all,tags\nC-1,S 2,\"{\"\"plan\"\":\"\"pro\"\",\"\"n\"\":1}\",\"\"\"a, b\"\",c\"\n,,{},\nC-2,,[],\n",
			rules: []string{"externalId.crm=crm", "externalId.Shop=shop", "traits=all", "traits.n:=2", "tags=tags"},
			want: `{"anonymousId":"source:crm:C-1","tags":["a, b","c"],"traits":{"n":2,"plan":"pro"},"identities":[{"kind":"external:crm","value":"C-1"},{"kind":"external:shop","value":"S 2"}]}` + "\n" +
				`list.csv:3: the row does not say who it is about` + "\n" + `list.csv:4: traits [] is no JSON object` + "\n",
		},
		"exported": {
			in:   "customer,userId,phone,tags,stages.club,entered.club,traits.zip,points\nff,'=ada,'+84 1,\"a, b\",member,2024-05-01T00:00:00Z,007,\"[{\"\"points\"\":3}]\"\n",
			want: `{"userId":"=ada","phone":"+84 1","tags":["a","b"],"traits":{"zip":"007"},"stages":[{"journey":"club","stage":"member","since":"2024-05-01T00:00:00Z"}],"points":[{"points":3}]}` + "\n",
		},
		"constants": {
			in:    "mail,when\nada@example.com,2024-05-01\n",
			rules: []string{"email=mail", "unsubscribed:=yes", "consentAt=when", "tags:=moved|2026", "traits.from:=old"},
			want:  `{"email":"ada@example.com","tags":["moved","2026"],"traits":{"from":"old"},"consents":[{"granted":false,"at":"2024-05-01T00:00:00Z","source":""}]}` + "\n",
		},
		"objects": {
			in: `{"userId":"1","traits":{"plan":"pro"},"tags":["a"],"stages":{"club":"vip"},"entered":{"club":"2024-05-01T00:00:00Z"},"score":7,"customer":"x"}` + "\n" +
				`{"email":"ada@example.com","stages":[{"journey":"club","stage":"vip"}]}` + "\n" + `{"traits":{}}` + "\n" + `{"userId":7}` + "\n",
			want: `{"userId":"1","tags":["a"],"traits":{"plan":"pro"},"stages":[{"journey":"club","stage":"vip","since":"2024-05-01T00:00:00Z"}]}` + "\n" +
				`{"email":"ada@example.com","stages":[{"journey":"club","stage":"vip"}]}` + "\n" +
				"list.csv:3: the row does not say who it is about\n" +
				"list.csv:4: userId has not the form that the API gives it: json: cannot unmarshal number into Go value of type string\n",
		},
		"nobody":        {in: "a\n1\n", rules: []string{"traits.a=a"}, want: "--map: nothing says who the customers are; add userId=COLUMN, anonymousId=COLUMN, email=COLUMN, phone=COLUMN or externalId.SYSTEM=COLUMN"},
		"no such":       {in: "a\n1\n", rules: []string{"userID=a"}, want: `--map "userID=a": "userID" is no target of customers, did you mean "userId"?; there are userId, anonymousId, email, phone, timestamp, created, tags, traits, consentAt, consent, unsubscribed, bounced, complained, status, externalId.SYSTEM, traits.NAME, stage.JOURNEY, since.JOURNEY`},
		"since alone":   {in: "a\n1\n", rules: []string{"userId=a", "since.club=a"}, want: "--map: since.club is of no use without stage.club"},
		"no column":     {in: "id\n1\n", rules: []string{"userId=id", "status=state"}, want: "--map status=state: there is no column \"state\"\nthe columns of list.csv are: id"},
		"odd channel":   {in: "a\n1\n", rules: []string{"userId=a", "bounced.sms.x=a"}, want: `--map "bounced.sms.x=a": a channel is named after the dot, as in bounced.email`},
		"who else":      {in: "a,b\n1,\n,2\n,\n", rules: []string{"userId=a", "anonymousId=b"}, want: `{"userId":"1"}` + "\n" + `{"anonymousId":"2"}` + "\n" + "list.csv:4: the row does not say who it is about\n"},
		"two of a kind": {in: "a\n1\n", rules: []string{"userId=a", "consent=a", "consent.email=a"}, want: `{"userId":"1","consents":[{"granted":true,"source":""},{"channel":"email","granted":true,"source":""}]}` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := customers(t, check.in, check.stages, check.rules...); got != check.want {
				t.Errorf("got\n%s\nwant\n%s", got, check.want)
			}
		})
	}
}

func FuzzCustomerMapping(f *testing.F) {
	f.Add("userId=a", "consent.email=b", "stage.x=c", "a,b,c\n1,yes,vip\n")
	f.Add("email=a", "status.sms=b", "tags=c", "a;b;c\nx@y;cleaned;\"a|b\"\n")
	f.Add("phone=a", "unsubscribed.*.news=b", "traits.a.b=c", "{\"a\":\"+1\",\"b\":\"2024-05-01\",\"c\":[1]}")
	f.Fuzz(func(t *testing.T, one, two, three, text string) {
		rows, err := cli.NewRows("in", strings.NewReader(text))
		if err != nil {
			return
		}
		mapping, err := cli.ParseCustomerMapping([]string{one, two, three})
		if err != nil {
			return
		}
		_ = mapping.Check(rows)
		for {
			row, err := rows.Next()
			if err != nil {
				return
			}
			if row.Err == nil {
				cli.MapCustomer(t, mapping, row)
			}
		}
	})
}

// Columns that cannot be guessed are told.
func TestColumnsWithoutANameAreTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list.csv")
	if err := os.WriteFile(path, []byte("id,,a=b,City\n1,x,y,Hue\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := cli.OpenCustomers(path, nil, "list", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	if want := []string{"column 2", `column 3 "a=b"`}; !slices.Equal(source.Left, want) {
		t.Errorf("left out are %q", source.Left)
	}
}
