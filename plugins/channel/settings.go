package channel

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// NoSettings checks the settings of a connector that has none: an empty JSON object.
func NoSettings(settings json.RawMessage) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(settings, &object); err != nil || object == nil {
		return errors.New("the settings must be a JSON object")
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		return fmt.Errorf("%.80q is no setting of this connector: it has none", name)
	}
	return nil
}
