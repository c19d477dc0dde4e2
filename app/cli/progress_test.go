package cli_test

import (
	"bytes"
	"testing"

	"stagecraft/app/cli"
)

func TestNoProgressInAPipe(t *testing.T) {
	var out bytes.Buffer
	progress := cli.NewProgress(&out)
	progress.Rows(10, 100, 1)
	progress.Print("orders.csv:%d: bad", 3)
	progress.CatchUp(1, 2)
	progress.Clear()
	if out.String() != "orders.csv:3: bad\n" {
		t.Errorf("a pipe got %q", out.String())
	}
	var none *cli.Progress
	none.Rows(1, 2, 3)
	none.Clear()
}
