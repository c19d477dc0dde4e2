package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stagecraft/app/cli"
	"stagecraft/app/lifecycle"
)

// events reads a source with rules and writes one line for each record: the event as JSON, or what is wrong with it.
func events(t *testing.T, text string, history bool, rules ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "orders.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := cli.OpenEvents(path, nil, "orders", rules, history)
	if err != nil {
		return err.Error()
	}
	defer source.Close()
	var out strings.Builder
	for {
		record, err := source.Next()
		if err == io.EOF {
			return out.String()
		}
		if err != nil {
			return out.String() + "failed: " + err.Error()
		}
		if record.Err != nil {
			fmt.Fprintf(&out, "%s\n", record.Err)
			continue
		}
		e := record.Event
		if e.MessageID == record.ID.String() {
			e.MessageID = "ID"
		}
		moment := "-"
		if !e.Timestamp.IsZero() {
			moment = e.Timestamp.Format(time.RFC3339Nano)
		}
		fmt.Fprintf(&out, "%s %q %q %q %s %s %s %s %s\n", e.Type, e.Name, e.UserID, e.AnonymousID, e.MessageID, moment, e.Properties, e.Traits, e.Context)
	}
}

func TestMapping(t *testing.T) {
	for name, check := range map[string]struct {
		in      string
		history bool
		rules   []string
		want    string
	}{
		"orders": {"customer_id,date,number_of_cds,dollar_value\n00001,1997-01-01,1,11.77\n00002,19970112,5,12.00\n", true,
			[]string{"userId=customer_id", "timestamp=date", "event:=Order Completed", "properties.quantity=number_of_cds", "properties.total=dollar_value"},
			"track \"Order Completed\" \"00001\" \"\" ID 1997-01-01T00:00:00Z {\"quantity\":1,\"total\":11.77}  \n" +
				"track \"Order Completed\" \"00002\" \"\" ID 1997-01-12T00:00:00Z {\"quantity\":5,\"total\":12.00}  \n"},
		"all targets": {"u,a,e,k,m,x\nU,A,E,track,M,1\n", false,
			[]string{"userId=u", "anonymousId=a", "event=e", "type=k", "messageId=m", "properties.p.q=x", "properties.p.r=x", "traits.t=x", "context.c=x"},
			"track \"E\" \"U\" \"A\" M - {\"p\":{\"q\":1,\"r\":1}} {\"t\":1} {\"c\":1}\n"},
		"external IDs": {"u,crm,shop\nU,C-1,\n,C-2,S2\n,,S3\n,,\n", false, []string{"userId=u", "externalId.crm=crm", "externalId.shop=shop", "event:=X", "context.ip:=192.0.2.1"},
			`track "X" "U" "" ID -   {"externalIds":[{"collection":"users","encoding":"none","id":"C-1","type":"crm"}],"ip":"192.0.2.1"}` + "\n" +
				`track "X" "" "source:crm:C-2" ID -   {"externalIds":[{"collection":"users","encoding":"none","id":"C-2","type":"crm"},{"collection":"users","encoding":"none","id":"S2","type":"shop"}],"ip":"192.0.2.1"}` + "\n" +
				`track "X" "" "source:shop:S3" ID -   {"externalIds":[{"collection":"users","encoding":"none","id":"S3","type":"shop"}],"ip":"192.0.2.1"}` + "\n" +
				"orders.csv:5: an event needs a userId or an anonymousId\n"},
		"an external ID of nothing": {"a\n1\n", false, []string{"externalId=a", "event:=X"},
			`--map "externalId=a": the system whose ID it is is named after the dot, as in externalId.crm`},
		"customers": {"id,mail\n7,a@b.example\n8,\n", false, []string{"userId=id", "type:=identify", "traits.email=mail"},
			"identify \"\" \"7\" \"\" ID -  {\"email\":\"a@b.example\"} \nidentify \"\" \"8\" \"\" ID -   \n"},
		"constants": {"id\n7\n", false, []string{"userId=id", "event:=5", "properties.n:=5", `properties.t:="5"`, "properties.b:=true", "properties.z:=007", "properties.eq:=a=b"},
			"track \"5\" \"7\" \"\" ID - {\"n\":5,\"t\":\"5\",\"b\":true,\"z\":\"007\",\"eq\":\"a=b\"}  \n"},
		"bad rows": {"id,date\n,1997-01-01\n1,1997-13-01\n2,\n3,1997-01-01\n", true, []string{"userId=id", "event:=X", "timestamp=date"},
			"orders.csv:2: an event needs a userId or an anonymousId\n" +
				"orders.csv:3: timestamp \"1997-13-01\" is not a date between 1900 and 2200; write it like 2024-05-01, 2024-05-01 10:30:00, 2024-05-01T10:30:00Z or 1714559400\n" +
				"orders.csv:4: the row has no timestamp, and history needs one\n" +
				"track \"X\" \"3\" \"\" ID 1997-01-01T00:00:00Z   \n"},
		"unknown columns": {"customer_id,date\n1,2\n", false, []string{"userId=customerid", "event:=X", "timestamp=when"},
			"--map userId=customerid: there is no column \"customerid\", did you mean \"customer_id\"?\n" +
				"--map timestamp=when: there is no column \"when\"\nthe columns of orders.csv are: customer_id, date"},
		"column twice": {"a,a\n1,2\n", false, []string{"userId=a", "event:=X"},
			"--map userId=a: there are several columns \"a\"; give them names of their own\nthe columns of orders.csv are: a, a"},
		"no mapping for CSV": {"a,b\n1,2\n", false, nil,
			"CSV needs --map to say what its columns mean, such as --map userId=a --map 'event:=Order Completed'; the columns of orders.csv are: a, b"},
		"history without time": {"a\n1\n", true, []string{"userId=a", "event:=X"}, "history needs the time of each row; add --map timestamp=COLUMN"},
		"Segment events": {`{"type":"track","event":"X","userId":7,"timestamp":"2024-05-01T10:30:00.5+02:00","messageId":"m","properties":{"a": 1},"integrations":{}}` + "\n" +
			`{"type":"page","userId":"7"}` + "\n" + `{"type":"identify","anonymousId":"a","traits":{"x":null},"context":null}` + "\n" + `{"type":"track","event":"X","userId":{}}` + "\n" +
			`{"type":"track","event":"X","userId":"1","properties":[]}`, false, nil,
			"track \"X\" \"7\" \"\" m 2024-05-01T08:30:00.5Z {\"a\": 1}  \n" +
				"page \"\" \"7\" \"\" ID -   \n" +
				"identify \"\" \"\" \"a\" ID -  {\"x\":null} \n" +
				"orders.csv:4: userId must be a text, not {}\norders.csv:5: properties must be a JSON object\n"},
		"mapped objects": {`{"c":{"id":12},"total":1.50,"items":[1],"at":1714559400}` + "\n" + `{"c":{"id":"x"},"at":"2024-05-01","note":"late"}`, true,
			[]string{"userId=c.id", "event:=X", "timestamp=at", "properties.total=total", "properties.items=items", "properties.note=note"},
			"track \"X\" \"12\" \"\" ID 2024-05-01T10:30:00Z {\"total\":1.50,\"items\":[1]}  \n" +
				"track \"X\" \"x\" \"\" ID 2024-05-01T00:00:00Z {\"note\":\"late\"}  \n"},
		"whole objects": {"id,p,t,c,total\nu,\"{\"\"total\"\":1,\"\"sku\"\":\"\"=A\"\"}\",\"{\"\"plan\"\":null}\",{},2.50\nv,[1],,,\n", false,
			[]string{"userId=id", "event:=X", "properties=p", "properties.total=total", "traits=t", "context=c"},
			"track \"X\" \"u\" \"\" ID - {\"total\":2.50,\"sku\":\"=A\"} {\"plan\":null} {}\n" +
				"orders.csv:3: properties [1] is no JSON object\n"},
		"an export of events": {"customer,userId,anonymousId,messageId,type,event,timestamp,receivedAt,source,late,properties,traits,context\n" +
			"C,'=E,'-rt4,m1,track,Order Completed,2024-05-01T10:30:00Z,2024-05-02T10:30:00Z,key,false,\"{\"\"total\"\":1.50,\"\"note\"\":\"\"'=x\"\"}\",,{}\n" +
			"C,ada,,m2,identify,,2024-05-01T10:30:00Z,,,,,\"{\"\"plan\"\":\"\"pro\"\"}\",\n" +
			"C,ada,,m3,page,,soon,,,,,,\nC,ada,,m4,page,,,,,,{,,\n", true, nil,
			"track \"Order Completed\" \"=E\" \"-rt4\" m1 2024-05-01T10:30:00Z {\"total\":1.50,\"note\":\"'=x\"}  {}\n" +
				"identify \"\" \"ada\" \"\" m2 2024-05-01T10:30:00Z  {\"plan\":\"pro\"} \n" +
				"orders.csv:4: timestamp \"soon\" is not a date between 1900 and 2200; write it like 2024-05-01, 2024-05-01 10:30:00, 2024-05-01T10:30:00Z or 1714559400\n" +
				"orders.csv:5: properties \"{\" is not the JSON that an export writes\n"},
		"some columns of it, and its rejects": {"rejected_line,rejected_reason,userId,event,properties.cart.total,properties.note,context.ip\n7,bad,ada,X,1.50,'=x,\n", false, nil,
			"track \"X\" \"ada\" \"\" ID - {\"cart\":{\"total\":1.50},\"note\":\"=x\"}  \n"},
		"a mapping of it": {"userId,event,properties\n'=E,X,\"{\"\"a\"\":1}\"\n", false, []string{"userId=userId", "event:=Y", "properties=properties"},
			"track \"Y\" \"=E\" \"\" ID - {\"a\":1}  \n"},
		"other people's apostrophes": {"id,event,x\n'=E,X,1\n", false, []string{"userId=id", "event=event"}, "track \"X\" \"'=E\" \"\" ID -   \n"},
		"unknown path": {`{"customer":{"id":12}}`, false, []string{"userId=customer.di", "event:=X"},
			"--map userId=customer.di: there is no column \"customer.di\", did you mean \"customer.id\"?\nthe columns of orders.csv are: customer.id"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := events(t, check.in, check.history, check.rules...); got != check.want {
				t.Errorf("got\n%s\nwant\n%s", got, check.want)
			}
		})
	}
}

func TestBadRules(t *testing.T) {
	for rules, want := range map[string]string{
		"userId":                       "write target=column",
		"userId=":                      "write target=column",
		"=a":                           "write target=column",
		"userid=a":                     `did you mean "userId"`,
		"total=a":                      `"total" is no target`,
		"properties.=a":                "is empty",
		"properties.a..b=a":            "is empty",
		"properties.a.b.c.d.e.f.g.h=a": "deeper than",
		"userId=a|userId=b|event:=X":   "mapped twice",
		"userId=a|event:=X|traits.a=b|traits.a.b=c": "one lies inside the other",
		"event:=X":             "whose events",
		"userId=a":             "no name",
		"userId=a|type:=track": "no name",
	} {
		_, err := cli.ParseMapping(strings.Split(rules, "|"))
		if err == nil || !strings.Contains(err.Error(), want) || lifecycle.CodeOf(err) != lifecycle.Invalid {
			t.Errorf("%s: error %v, want one with %q", rules, err, want)
		}
	}
}

func TestCellTypes(t *testing.T) {
	for cell, want := range map[string]string{
		"11.77": "11.77", "5": "5", "12.00": "12.00", "0": "0", "0.5": "0.5", "-3": "-3", "123456789012345": "123456789012345", "0.000000000000001": "0.000000000000001",
		"00001": `"00001"`, "+5": `"+5"`, "1e5": `"1e5"`, ".5": `".5"`, "5.": `"5."`, "-": `"-"`, "1.2.3": `"1.2.3"`, "NaN": `"NaN"`, "1 ": `"1 "`,
		"1234567890123456": `"1234567890123456"`, "-01": `"-01"`, "0x10": `"0x10"`,
		"true": "true", "false": "false", "True": `"True"`, "null": `"null"`, "a": `"a"`,
	} {
		got := events(t, "id,x\nu,"+cell+"\n", false, "userId=id", "event:=X", "properties.x=x")
		if want := fmt.Sprintf("track \"X\" \"u\" \"\" ID - {\"x\":%s}  \n", want); got != want {
			t.Errorf("%s: %s, want %s", cell, got, want)
		}
	}
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string]string{
		"2024-05-01T10:30:00Z":          "2024-05-01T10:30:00Z",
		"2024-05-01T10:30:00.25+07:00":  "2024-05-01T03:30:00.25Z",
		"2024-05-01":                    "2024-05-01T00:00:00Z",
		"2024-05-01 10:30:00":           "2024-05-01T10:30:00Z",
		"2024-05-01 10:30:00.123456":    "2024-05-01T10:30:00.123456Z",
		"2024-05-01T10:30:00":           "2024-05-01T10:30:00Z",
		"2024-05-01 10:30":              "2024-05-01T10:30:00Z",
		"2024-05-01 10:30:00 UTC":       "2024-05-01T10:30:00Z",
		"2024-05-01 10:30:00+02:00":     "2024-05-01T08:30:00Z",
		"2024-05-01 10:30:00 +0000 UTC": "2024-05-01T10:30:00Z", "2024-05-01 10:30:00.5 +0200 CEST": "2024-05-01T08:30:00.5Z",
		"2024-05-01 10:30:00 +0700 +0700": "2024-05-01T03:30:00Z", "2024-05-01 10:30:00 +0200": "2024-05-01T08:30:00Z",
		"2024-05-01 10:30:00+07":    "2024-05-01T03:30:00Z", // Postgres
		"2024-05-01 10:30:00.25-03": "2024-05-01T13:30:00.25Z", "2024-05-01 10:30:00+05:30": "2024-05-01T05:00:00Z", "2024-05-01 10:30:00+00": "2024-05-01T10:30:00Z",
		"2024-05-01T10:30:00+0700": "2024-05-01T03:30:00Z", "2024-05-01T10:30:00+07": "2024-05-01T03:30:00Z", "2024-05-01 10:30:00+0700": "2024-05-01T03:30:00Z",
		"20240501":      "2024-05-01T00:00:00Z",
		"1714559400":    "2024-05-01T10:30:00Z",
		"1714559400250": "2024-05-01T10:30:00.25Z",
		"852076800":     "1997-01-01T00:00:00Z",
		"1997-13-01":    "", "1997-02-29": "", "01/05/2024": "", "": "", "yesterday": "", "20241301": "",
		// The bounds that the server has.
		"1969-01-01T00:00:00Z": "1969-01-01T00:00:00Z", "1900-01-01": "1900-01-01T00:00:00Z", "2200-12-31": "2200-12-31T00:00:00Z",
		"1899-12-31": "", "2201-01-01": "", "2206-01-01T00:00:00Z": "", "7258118400": "2200-01-01T00:00:00Z", "7289740800": "",
		"99999999999": "", "12345": "", "2024-05-01 10:30:00 PST": "", "99999999999999999999": "",
	} {
		moment, ok := cli.ParseTime(text)
		if got := moment.Format(time.RFC3339Nano); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %s, %v, want %s", text, got, ok, want)
		}
	}
}

func FuzzMapping(f *testing.F) {
	f.Add("userId=a", "event:=X", "properties.x=b", "a,b\n1,2\n")
	f.Add("anonymousId=a", "type:=identify", "traits.x.y=b", "a;b\n1;\"x\ny\"\n")
	f.Add("userId=a", "event=b", "timestamp=a", "{\"a\":\"20240501\",\"b\":\"X\"}")
	f.Fuzz(func(t *testing.T, one, two, three, text string) {
		mapping, err := cli.ParseMapping([]string{one, two, three})
		if err != nil {
			return
		}
		rows, err := cli.NewRows("in", strings.NewReader(text))
		if err != nil {
			return
		}
		_ = mapping.Check(rows)
		for {
			row, err := rows.Next()
			if err != nil {
				return
			}
			if row.Err != nil {
				continue
			}
			event, err := mapping.Event(row)
			if err != nil {
				continue
			}
			if err := event.Validate(); err != nil {
				t.Fatalf("not valid: %v", err)
			}
			for _, part := range []json.RawMessage{event.Properties, event.Traits, event.Context} {
				if part != nil && !json.Valid(part) {
					t.Fatalf("not JSON: %s", part)
				}
			}
		}
	})
}
