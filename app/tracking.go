package app

import (
	"slices"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// trackingOf returns what the settings say about tracking, as delivery goes by it.
func trackingOf(settings config.Tracking) (lifecycle.Tracking, error) {
	utm, err := lifecycle.ParseUTM(settings.UTM)
	if err != nil {
		return lifecycle.Tracking{}, lifecycle.Wrap(lifecycle.Invalid, err, "--utm cannot be read")
	}
	return lifecycle.Tracking{Clicks: slices.Contains(settings.Track, "clicks"), Opens: slices.Contains(settings.Track, "opens"), UTM: utm}, nil
}
