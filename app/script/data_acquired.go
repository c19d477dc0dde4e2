package script

import (
	"time"

	"stagecraft/app/lifecycle"
)

// acquired is customer.acquired: a table, which is empty if nothing is known.
func acquired(a *lifecycle.Acquisition) map[string]any {
	known := map[string]any{}
	if a == nil {
		return known
	}
	for name, text := range map[string]string{"source": a.Source, "medium": a.Medium, "campaign": a.Campaign, "referrer": a.Referrer, "landing": a.Landing} {
		if text != "" {
			known[name] = text
		}
	}
	if !a.By.IsZero() {
		known["by"] = a.By.String()
	}
	known["at"] = a.At.UTC().Format(time.RFC3339)
	return known
}
