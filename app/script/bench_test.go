package script_test

import (
	"testing"

	"stagecraft/app/script"
)

const typical = `
stage { title = "One", goal = "Order Completed", next = "two" }

local limit = 40

enter(function(customer, event)
  if event.properties.total > limit and customer.traits.plan == "pro" then
    send("hello", { by = "email" })
  else
    send "bye"
  end
end)

idle("Order Completed", "180 days", function(customer)
  move "two"
end)
`

func BenchmarkRunSend(b *testing.B) {
	p := compile(b, journey(typical))
	who, event := customer(), order()
	b.ReportAllocs()
	for b.Loop() {
		r, err := p.Run(script.Call{Handler: "one.lua#1", Stage: "one", Customer: who, Event: event, Now: noon})
		if err != nil || len(r.Effects) != 1 {
			b.Fatal(err)
		}
	}
}

func BenchmarkRunMove(b *testing.B) {
	p := compile(b, journey(typical))
	who := customer()
	b.ReportAllocs()
	for b.Loop() {
		r, err := p.Run(script.Call{Handler: "one.lua#2", Stage: "one", Customer: who, Now: noon})
		if err != nil || r.Move != "two" {
			b.Fatal(err)
		}
	}
}

func BenchmarkRunPlainSend(b *testing.B) {
	p := compile(b, journey(`stage { title = "One" }
enter(function(customer)
  send "hello"
end)`))
	who := customer()
	b.ReportAllocs()
	for b.Loop() {
		r, err := p.Run(script.Call{Handler: "one.lua#1", Stage: "one", Customer: who, Now: noon})
		if err != nil || len(r.Effects) != 1 {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	host, src := script.New(script.Limits{}), journey(typical)
	for b.Loop() {
		if _, err := host.Compile(src); err != nil {
			b.Fatal(err)
		}
	}
}
