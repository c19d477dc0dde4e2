package delivery

import (
	"context"
	"time"

	"stagecraft/app/lifecycle"
)

const heedPatience = 30 * time.Second

// heed pauses marketing by a channel whose connector says that it has to stop, in the connector's name: that outlives the
// connector and this program, and stands among the orders until a person resumes it.
func (d *Delivery) heed(ctx context.Context, l *lane, receipts []lifecycle.Receipt) {
	for i := range receipts {
		why := receipts[i].Pause
		if why == "" {
			continue
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), heedPatience) // the call may have used up its own time
		defer cancel()
		o, err := d.order(ctx, Target{Channel: channelOf(l), Kind: lifecycle.Marketing}, connectorPaused, why)
		if err == nil {
			err = d.everywhere(ctx, pause{o})
		}
		if err != nil {
			d.log.Error("a connector asks for a pause of marketing, and that could not be written down; pause it by hand", "lane", l.name, "reason", why, "error", err)
			return
		}
		d.log.Warn("marketing is paused because its connector asks for it; a person has to resume it", "channel", channelOf(l), "reason", why)
		return
	}
}
