package app_test

import (
	"strings"
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// What came while a journey did not run is told as the reason, also after it runs again.
func TestWhyAfterABrake(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	mode := func(mode lifecycle.Mode) {
		t.Helper()
		w.clock.Advance(time.Minute)
		w.must(w.engine.SetMode(t.Context(), engine.SetMode{Journey: "club", Mode: mode}))
		w.clock.Advance(time.Minute)
	}
	files := club("discount")
	files["journey.lua"] = strings.Replace(files["journey.lua"], "journey {", `journey { entry = "Joined",`, 1)
	w.publish(files)
	w.identify("bob", map[string]any{"email": "bob@shop.example"})
	w.track("bob", "Joined", nil)
	mode(lifecycle.Braked)
	w.track("ada", "Joined", nil)
	w.track("ada", "Looked", nil)
	w.track("bob", "Ordered", map[string]any{"total": 60})
	mode(lifecycle.Live)
	const braked = "1 of their events came while journey club was braked, when nothing of it runs; the last on 2026-03-01 12:02"
	says(t, w.why("ada", "welcome"), "they have never entered journey club; "+braked)
	w.track("eve", "Looked", nil)
	if why := w.why("eve", "welcome"); strings.Contains(strings.Join(why.Answer, "\n"), "braked") {
		t.Errorf("of whom nothing came meanwhile: %v", why.Answer)
	}
	says(t, w.why("bob", "discount"), `they have never been in stage regular: they are in new since 2026-03-01 12:00 (entered new at "Joined"); `+braked)
	w.track("bob", "Ordered", map[string]any{"total": 60})
	says(t, w.why("bob", "discount"), "it waits at")
}
