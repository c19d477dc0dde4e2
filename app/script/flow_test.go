package script_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/scripts"
)

// outline shows a drawing as indented text.
func outline(b *strings.Builder, nodes []script.FlowNode, depth int) {
	for _, n := range nodes {
		fmt.Fprintf(b, "%s%s", strings.Repeat("  ", depth), n.Kind)
		if n.Label != "" {
			fmt.Fprintf(b, " %s", n.Label)
		}
		fmt.Fprintf(b, "  [%d-%d", n.Line, n.EndLine)
		for _, more := range []string{n.File, n.Handler, n.Name} {
			if more != "" {
				fmt.Fprintf(b, " %s", more)
			}
		}
		b.WriteString("]\n")
		outline(b, n.Children, depth+1)
		for _, way := range n.Branches {
			ends := ""
			if way.Ends {
				ends = ", ends"
			}
			fmt.Fprintf(b, "%s%s:  [%d-%d%s]\n", strings.Repeat("  ", depth+1), way.Label, way.Line, way.EndLine, ends)
			outline(b, way.Children, depth+2)
		}
	}
}

func TestFlow(t *testing.T) {
	sources, err := script.ReadSources(os.DirFS("testdata/flow"))
	if err != nil || len(sources) != 1 {
		t.Fatalf("%d journeys, %v", len(sources), err)
	}
	p := compile(t, sources[0])
	for _, file := range []string{"journey.lua", "member.lua", "active.lua", "lost.lua", "lib/offers.lua"} {
		flow, err := p.Flow(file)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		fmt.Fprintf(&text, "%s\n", flow.File)
		outline(&text, flow.Roots, 0)
		golden(t, "testdata/flow/"+strings.ReplaceAll(strings.TrimSuffix(file, ".lua"), "/", "-")+".flow.txt", text.String())
		again, err := p.Flow(flow.File)
		if err != nil {
			t.Fatal(err)
		}
		first, _ := json.Marshal(flow)
		second, _ := json.Marshal(again)
		if string(first) != string(second) {
			t.Errorf("%s is drawn differently by its full name", file)
		}
	}
	if _, err := p.Flow("nothing.lua"); lifecycle.CodeOf(err) != lifecycle.NotFound {
		t.Errorf("a file that is not there: %v", err)
	}
}

// What the console reads.
func TestFlowJSON(t *testing.T) {
	p := compile(t, journey("enter(function(customer)\n  if wait_for(\"Paid\", \"1 day\") then\n    send \"hello\"\n  end\nend)"))
	flow, err := p.Flow("one.lua")
	if err != nil {
		t.Fatal(err)
	}
	got, _ := json.MarshalIndent(flow, "", " ")
	golden(t, "testdata/flow/json.txt", string(got)+"\n")
}

// Functions that use each other again and again are drawn, but not without bounds.
func TestFlowIsBounded(t *testing.T) {
	var text strings.Builder
	text.WriteString("local function f0() send \"hello\" end\n")
	for i := 1; i <= 40; i++ {
		fmt.Fprintf(&text, "local function f%d() f%d() f%d() end\n", i, i-1, i-1)
	}
	text.WriteString("enter(function() f40() end)\n")
	flow, err := compile(t, journey(text.String())).Flow("one.lua")
	if err != nil {
		t.Fatal(err)
	}
	var count func([]script.FlowNode) int
	count = func(nodes []script.FlowNode) (n int) {
		for _, node := range nodes {
			n += 1 + count(node.Children)
		}
		return n
	}
	if n := count(flow.Roots); n < 100 || n > 5000 {
		t.Errorf("%d nodes", n)
	}
}

// Every handler of the built-in journeys is drawn, and knows which one it is.
func TestFlowOfBuiltInJourneys(t *testing.T) {
	sources, err := script.ReadSources(scripts.Files)
	if err != nil || len(sources) == 0 {
		t.Fatalf("%d journeys, %v", len(sources), err)
	}
	for _, source := range sources {
		p := compile(t, source)
		handlers := map[string]bool{}
		for _, h := range p.Journey.Handlers {
			handlers[h.ID] = true
		}
		for _, stage := range p.Journey.Stages {
			for _, h := range stage.Handlers {
				handlers[h.ID] = true
			}
		}
		for _, path := range source.Paths() {
			if !strings.HasSuffix(path, ".lua") {
				continue
			}
			flow, err := p.Flow(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, root := range flow.Roots {
				delete(handlers, root.Handler)
			}
		}
		if len(handlers) > 0 {
			t.Errorf("%s: not drawn: %v", source.Name, handlers)
		}
	}
}
