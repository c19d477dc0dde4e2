package delivery_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"stagecraft/app/delivery"
)

// What a customer has typed is text in a letter, wherever it stands.
func TestLetterValues(t *testing.T) {
	for _, c := range []struct{ body, value, want string }{
		{"# Hi {{ customer.x }}", "Eve\n\n# SALE\n\n---\r\n- call 0900", `# Hi Eve \# SALE --- - call 0900`},
		{"{{ customer.x }}", "**Eve** [x](https://evil.example)", `\*\*Eve\*\* \[x\](https://evil.example)`},
		{"{{ customer.x }}", "- one", `\- one`},
		{"{{ customer.x }}", "\u200b+ one", "\u200b\\+ one"},
		{"{{ customer.x }}", "12. one", `12\. one`},
		{"{{ customer.x }}", "12) one", `12\) one`},
		{"{{ customer.x }}", "---", `\---`},
		{"--{{ customer.x }}", "-", `--\-`},
		{"1{{ customer.x }}", ". one", `1\. one`},
		{"{{ customer.x }}. one", "7", `7. one`},
		{"{{ customer.x }}", "12.50 (a-b) +84 a_b@x.example", `12.50 (a-b) +84 a_b@x.example`},
		{"{{ customer.x }}", "_Eve_ C:\\", `\_Eve\_ C:\\`},
		{`\{{ customer.x }}`, "*Eve*", `\*Eve\*`},
		{"[{{ customer.x }}](https://own.example/{{ customer.x }})", "](a) ", `[\](a) ](https://own.example/\](a\) )`},
		{"[w]{{ customer.x }}", "(http://evil.example)", `[w]\(http://evil.example)`},
		{`[w]{{ customer.nothing | default: "" }}{{ customer.x }}`, "\u200b(http://evil.example)", "[w]\u200b\\(http://evil.example)"},
		{"[w]{{ customer.x }}", " (a)", `[w] (a)`},
		{"[w]{{ customer.x | newline_to_br }}", "(a", `[w]\(a`},
		{"{% capture y %}{{ customer.x }}{% endcapture %}[w]{{ y }}", "(a)", `[w]\(a)`},
		{`\{{ customer.x }}`, "\u200b*Eve*", "\\\u200b*Eve\\*"},
		{"**{{ customer.x | raw }}**", "*Eve*\nx", "***Eve*\nx**"},
		{"- {{ customer.x | newline_to_br }}", "1 A\n- B\r\nC", "- 1 A\\\n\\- B\\\nC"},
		{"{{ customer.x | newline_to_br }}", "C:\\\nD", "C:\\\\\\\nD"},
		{"{% capture y %}**{{ customer.x }}**{% endcapture %}{{ y }}", "*", `**\***`},
		{"{% render 'partials/p', y: customer.x %}", "*", `*a* \*`},
		{`{{ customer.nothing | default: "*friend*" }}`, "", `\*friend\*`},
	} {
		for _, channel := range []string{"letter", "letter-partner"} {
			template := dressed(emailTemplate(c.body), "", map[string]string{"p": "*a* {{ y }}"})
			template.Channel = channel
			value, _ := json.Marshal(c.value)
			scope := testScope()
			scope.Customer.Traits["x"] = value
			rendered, err := delivery.NewRenderer().Render(&template, "", scope)
			if err != nil || rendered.Text != c.want+"\n" {
				t.Errorf("%s with %q: %q, %v; not %q", c.body, c.value, rendered.Text, err, c.want)
			}
		}
	}
	template := dressed(emailTemplate("**{{ customer.x }}**"), "{{ content }}\n\n*{{ subject }}* {{ customer.x }}", nil)
	template.Channel, template.Front["subject"] = "letter", "{{ customer.x }}"
	scope := testScope()
	scope.Customer.Traits["x"] = json.RawMessage(`"a*b"`)
	rendered, err := delivery.NewRenderer().Render(&template, "", scope)
	if want := "**a\\*b**\n\n*a\\*b* a\\*b\n"; err != nil || rendered.Text != want || rendered.Subject != "a*b" {
		t.Errorf("in a layout: %q, %v; subject %q", rendered.Text, err, rendered.Subject)
	}
	sms := smsTemplate("{{ customer.x }}")
	if rendered, err := delivery.NewRenderer().Render(&sms, "", scope); err != nil || rendered.Text != "a*b\n" {
		t.Errorf("a text message: %q, %v", rendered.Text, err)
	}
}

// A letter renders within the transaction of its partition: a line of thousands of outputs costs no more than as many lines.
func TestLongLetterLine(t *testing.T) {
	for _, value := range []string{strings.Repeat("1", 24), strings.Repeat(`\`, 12), strings.Repeat("\u200b", 8), "](x) " + strings.Repeat(")", 8)} {
		template := emailTemplate("{% for i in (1..100) %}{% for j in (1..99) %}{{ customer.x }}{% endfor %}{% endfor %}")
		template.Channel = "letter"
		scope := testScope()
		scope.Customer.Traits["x"], _ = json.Marshal(value)
		start := time.Now()
		if rendered, err := delivery.NewRenderer().Render(&template, "", scope); err != nil || len(rendered.Text) < 9900*len(value) {
			t.Errorf("%q: %d bytes, %v", value, len(rendered.Text), err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%q: it took %v", value, took)
		}
	}
}
