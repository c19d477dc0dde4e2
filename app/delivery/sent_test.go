package delivery_test

import (
	"testing"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Who was written to by one channel of a kind is known at the others, and is one person however it was kept.
func TestWrittenToByAChannelOfTheKind(t *testing.T) {
	p := newPost(t, newConnector(), func(p *post) { p.further = []string{"sms", "sms-vn"} })
	p.run()
	const phone = "+84901234567"
	ada := p.customer("phone", phone)
	written := func(channel string) (all []lifecycle.Addressee) {
		p.do(ada.Partition(), func(tx store.Tx) { all = p.delivery.WrittenTo(tx, channel, phone) })
		return all
	}
	p.do(ada.Partition(), func(tx store.Tx) { // as earlier versions kept it
		hash := lifecycle.HashID("address", "sms-vn", phone)
		tx.Set(append(append([]byte("wsms-vn\x00"), hash[:]...), ada[:]...), []byte{})
	})
	if all := written("sms-vn"); len(all) != 1 || all[0].Customer != ada || !all[0].Last.IsZero() {
		t.Errorf("%+v", all)
	}
	m := p.by("sms-vn", ada, owed, "hello")
	p.becomes(m, lifecycle.Accepted)
	for _, channel := range []string{"sms", "sms-vn", "sms-de"} {
		if all := written(channel); len(all) != 1 || all[0].Customer != ada || all[0].Last.ID != m.ID {
			t.Errorf("%s: %+v", channel, all)
		}
	}
	if all := written("call"); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}
