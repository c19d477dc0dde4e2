package delivery_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

var update = flag.Bool("update-mail", false, "write the golden mail anew")

const orderMail = `<h1>Thank you, {{ customer.first_name | default: "friend" }}!</h1>
<p>Your order {{ event.properties["Order ID"] }} of {{ event.timestamp | date: "%-d %B %Y" }}:</p>
<ul>
{%- for item in event.properties.items limit: 20 %}
<li>{{ item.qty }} × {{ item.name }}, {{ item.price | times: item.qty | decimals: 2 }} €</li>
{%- endfor %}
</ul>
<p><strong>Total: {{ event.properties.total }} €</strong></p>
{%- if customer.traits.plan == "gold" %}
<p>As a gold member you pay no shipping.</p>
{%- else %}
<p><a href="{{ public_url }}/gold?from={{ stage | url_encode }}&amp;ref=mail">Become a gold member</a> and pay no shipping.</p>
{%- endif %}
<p>Your shop<br>Questions? <a href="mailto:help@example.com">help@example.com</a></p>
`

func orderTemplate() lifecycle.Template {
	template := emailTemplate(orderMail)
	template.Front = map[string]string{
		"subject":   `{{ customer.first_name | default: "Hello" }}, thank you for order {{ event.properties["Order ID"] }}`,
		"preheader": "{{ event.properties.items.size }} things are on their way & tracked",
	}
	template.Locale = "en"
	return template
}

func TestGoldenMail(t *testing.T) {
	template := orderTemplate()
	if problems := delivery.CheckTemplate(template); problems != nil {
		t.Fatal(problems)
	}
	rendered, err := render(t, template)
	if err != nil {
		t.Fatal(err)
	}
	got := "Subject: " + rendered.Subject + "\n\n" + rendered.Text + "\n" + rendered.HTML
	golden := filepath.Join("testdata", "liquid_mail.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the mail is not the golden one (run with -update-mail if it is meant to change):\n%s", got)
	}
}

// BenchmarkRender renders a template of about 1 KB, cached: a text, and a mail with its HTML and text parts.
func BenchmarkRender(b *testing.B) {
	mail := orderTemplate()
	text := smsTemplate(orderMail)
	for name, template := range map[string]*lifecycle.Template{"mail": &mail, "text": &text} {
		b.Run(name, func(b *testing.B) {
			renderer, scope := delivery.NewRenderer(), testScope()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := renderer.Render(template, "k", scope); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCheckTemplate(b *testing.B) {
	template := orderTemplate()
	for b.Loop() {
		if problems := delivery.CheckTemplate(template); problems != nil {
			b.Fatal(problems)
		}
	}
}
