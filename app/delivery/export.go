package delivery

import (
	"context"
)

// Export reads the messages of one partition, newest first, from a position on (nil: the newest), up to a number of them.
// It returns the position to go on from; nil is the end.
func (d *Delivery) Export(ctx context.Context, partition int, f Filter, position []byte, limit int) (messages []Listed, next []byte, err error) {
	answer, err := d.store.Ask(ctx, partition, ledgerPage{f, position, limit, limit})
	if err != nil {
		return nil, nil, err
	}
	part := answer.(ledgerPart)
	messages = make([]Listed, len(part.found))
	for i := range part.found {
		messages[i] = part.found[i].Listed
	}
	return messages, part.next, nil
}
