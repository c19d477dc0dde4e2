//go:build unix

package cli_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// benchSegments measures what 20 segments cost the whole path, beside a million customers: twice the same load, without
// them and with them. Two of them count the very event that is sent; the others look at traits, stages, other events and
// messages.
func benchSegments(t *testing.T, program string) {
	customers := max(benchScale(1_000_000)/1000*1000, benchCustomers)
	segments := maps.Clone(benchScripts)
	for i := range 20 {
		predicate := fmt.Sprintf(`count("Order Completed", "%d days") >= %d`, 30+i, 2+i)
		switch {
		case i < 2:
		case i%4 == 0:
			predicate = fmt.Sprintf(`customer.plan == "plan-%d" and customer.email ~= nil`, i)
		case i%4 == 1:
			predicate = fmt.Sprintf(`stage "bench" == "other" and count("Viewed %d", "30 days") > 3`, i)
		case i%4 == 2:
			predicate = fmt.Sprintf(`opened("letter-%d", "30 days")`, i)
		default:
			predicate = fmt.Sprintf(`customer.tags.t%d and sum("Refund %d", "total", "30 days") > 10`, i, i)
		}
		segments[fmt.Sprintf("segments/s%02d.lua", i)] = fmt.Sprintf("segment { title = \"S%d\" }\n\nmember(function(customer)\n  return %s\nend)\n", i, predicate)
	}
	var without, with figures
	for _, side := range []struct {
		name    string
		scripts map[string]string
		of      *figures
	}{{"no segments", benchScripts, &without}, {"20 segments", segments, &with}} {
		scripts, data := filepath.Join(t.TempDir(), "scripts"), filepath.Join(t.TempDir(), "data")
		writeFiles(t, scripts, side.scripts)
		server := startServer(t, data, scripts)
		server.live(t, "bench")
		b := &bench{t: t, server: server, customers: customers}
		b.meet()
		*side.of = b.run(load{name: side.name, events: benchScale(400_000), batch: 100, connections: 16})
		b.memory("after it")
		if err := server.stop(); err != nil {
			t.Fatal(err)
		}
		_ = os.RemoveAll(data)
	}
	t.Logf("%-14s with 20 segments over %d customers %.2f of the events are taken", "", customers, with.taken/without.taken)
}
