package lifecycle_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

// What was stored before records had tags, scores, amounts and options is read as it was meant.
func TestRecordsOfVersion1(t *testing.T) {
	at := time.Unix(1772355601, 5e8).UTC()
	event := lifecycle.Event{
		Type: lifecycle.Track, Name: "Order", MessageID: "m1", UserID: "ada", Timestamp: at, Received: at.Add(time.Second),
		Properties: json.RawMessage(`{"n":1}`), Context: json.RawMessage(`{}`),
	}
	first, second := lifecycle.HashID("r"), lifecycle.HashID("s")
	for name, old := range map[string]struct {
		data string
		want any
	}{
		"customer": {"0133fc6e8ad066231eb5527d1a39214c1e01047573657203616461011898ac077b14cf00011898ac077b14cf0007066f72646572730000000000000005011898ac077b14cf0001016a0161011898ac077b14cf000301017602011898ac077b14cf000401a92bb60b61e305ddd888015189d6591b00000000011898ac077b14cf000500054f726465728080c58bc6d10101610102a92bb60b61e305ddd888015189d6591b07612e6c7561233101610301762bb3295506aa5a21b58f1fd40f3b0f160162000101770104706c616e052270726f22", &lifecycle.Customer{
			ID: lifecycle.HashID("c"), Identities: []lifecycle.Identity{{Kind: lifecycle.UserID, Value: "ada"}}, Created: at, Clock: at,
			Seq: 7, Import: "orders", TraitsHash: 5, Due: at, Traits: map[string]json.RawMessage{"plan": json.RawMessage(`"pro"`)},
			Visits: []lifecycle.Visit{{
				Journey: "j", Stage: "a", Entered: at, Number: 3, Converted: true, Version: "v",
				Timers: []lifecycle.Timer{{Due: at, Seq: 4, Run: first}, {Due: at, Seq: 5, Event: "Order", After: time.Hour, Stage: "a", Fired: true}},
				Runs: []lifecycle.RunRef{
					{ID: first, Handler: "a.lua#1", Stage: "a", Visit: 3, Version: "v"}, {ID: second, Handler: "b", Visit: 1, Version: "w"},
				},
			}},
		}},
		"event": {"0105747261636b054f72646572026d310361646100011898ac077b14cf00011898ac07b6af9900077b226e223a317d00027b7d", &event},
		"message": {"01f1fc98c0060f0d12ae263986be65770e33fc6e8ad066231eb5527d1a39214c1e03616461016a017601610568656c6c6f076a2f612e6c75610805656d61696c096d61726b6574696e67011898ac077b14cf00011898ac077b14cf00000671756575656401720402000105747261636b054f72646572026d310361646100011898ac077b14cf00011898ac07b6af9900077b226e223a317d00027b7d", &lifecycle.Message{
			ID: lifecycle.HashID("m"), Customer: lifecycle.HashID("c"), User: "ada", Journey: "j", Version: "v", Stage: "a", Name: "hello",
			File: "j/a.lua", Line: 4, Channel: "email", Kind: lifecycle.Marketing, Decided: at, Due: at, State: lifecycle.Queued, Reason: "r",
			Attempts: 2, InDoubt: 1, Event: event, Leaving: true,
		}},
		"rendered": {"01056140622e6302486901540001014b0156011898ac077b14cf0002017000", &lifecycle.Rendered{
			To: "a@b.c", Subject: "Hi", Text: "T", Headers: map[string]string{"K": "V"}, Date: at, Layout: 1, Preheader: "p",
		}},
		"fact": {"01056d6f766564011898ac077b14cf00016a01610162016e0172016606", &lifecycle.Fact{
			Kind: lifecycle.FactMoved, At: at, Journey: "j", From: "a", To: "b", Name: "n", Reason: "r", File: "f", Line: 3,
		}},
	} {
		data, err := hex.DecodeString(old.data)
		if err != nil {
			t.Fatal(err)
		}
		read := records[name]()
		if err := read.ReadRecord(data); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if d := diff(old.want, read); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// What was stored before facts named their message, and visits whether somebody was written to, is read as it was meant.
func TestRecordsOfVersion2(t *testing.T) {
	at := time.Unix(1772355601, 5e8).UTC()
	run := lifecycle.HashID("r")
	for name, old := range map[string]struct {
		data string
		want any
	}{
		"customer": {"0233fc6e8ad066231eb5527d1a39214c1e00011898ac077b14cf00011898ac077b14cf00070000000000000000000001016a0161011898ac077b14cf000301017601011898ac077b14cf000401a92bb60b61e305ddd888015189d6591b0000000001a92bb60b61e305ddd888015189d6591b07612e6c75612331016103017603076a2f612e6c756108054f7264657200010103766970", &lifecycle.Customer{
			ID: lifecycle.HashID("c"), Created: at, Clock: at, Seq: 7, Tags: []string{"vip"},
			Visits: []lifecycle.Visit{{
				Journey: "j", Stage: "a", Entered: at, Number: 3, Converted: true, Version: "v", Timers: []lifecycle.Timer{{Due: at, Seq: 4, Run: run}},
				Runs: []lifecycle.RunRef{{ID: run, Handler: "a.lua#1", Stage: "a", Visit: 3, Version: "v", File: "j/a.lua", Line: 4, Event: "Order"}},
			}},
		}},
		"event": {"0205747261636b054f72646572026d310361646100011898ac077b14cf00011898ac07b6af9900077b226e223a317d00027b7d06", &lifecycle.Event{
			Type: lifecycle.Track, Name: "Order", MessageID: "m1", UserID: "ada", Timestamp: at, Received: at.Add(time.Second),
			Properties: json.RawMessage(`{"n":1}`), Context: json.RawMessage(`{}`), Depth: 3,
		}},
		"fact": {"0209636f6e766572746564011898ac077b14cf00016a01610000000006033fe0000000000000", &lifecycle.Fact{
			Kind: lifecycle.FactConverted, At: at, Journey: "j", From: "a", Line: 3, Amount: 0.5, Heldout: true,
		}},
	} {
		data, err := hex.DecodeString(old.data)
		if err != nil {
			t.Fatal(err)
		}
		read := records[name]()
		if err := read.ReadRecord(data); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if d := diff(old.want, read); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// Who had opted out before it was kept by which source, had by the one from which the trait is.
func TestRecordsOfVersion9(t *testing.T) {
	at := time.Unix(1772355601, 5e8).UTC()
	data, err := hex.DecodeString("0933fc6e8ad066231eb5527d1a39214c1e00011898ac077b14cf00011898ac077b14cf00070000000000000000000000010c756e7375627363726962656404747275654001010c756e737562736372696265640363726d011898ac077b14cf000100010000000000000005011898ac077b14cf0001")
	if err != nil {
		t.Fatal(err)
	}
	var read lifecycle.Customer
	if err := read.ReadRecord(data); err != nil {
		t.Fatal(err)
	}
	if want := (lifecycle.OptOut{By: 5, At: at, Is: true, Source: "crm", Keyed: true}); len(read.OptOuts) != 1 || read.OptOuts[0] != want {
		t.Errorf("%+v, want %+v", read.OptOuts, want)
	}
}

// A yes of the trait unsubscribed refuses, also where it was kept as it was written and was known as nothing that refuses.
func TestRecordsOfVersion10(t *testing.T) {
	at := time.Unix(1772355601, 0).UTC()
	for text, want := range map[string]string{`"Yes"`: "true", `1`: "true", `"opted_out"`: "true", `"no"`: "false", `"later"`: `"later"`, `{}`: `{}`} {
		old := lifecycle.Customer{ID: lifecycle.HashID("ada"), Traits: map[string]json.RawMessage{"unsubscribed": json.RawMessage(text)},
			Origins: []lifecycle.Origin{{Trait: "unsubscribed", Source: "crm", At: at}}}
		old.OptOuts = []lifecycle.OptOut{{By: lifecycle.Voice(old.ID), At: at, Source: "crm"}}
		data := old.AppendRecord(nil)
		data[0], data = 10, data[:len(data)-1] // nothing was said of when they were seen
		var read lifecycle.Customer
		if err := read.ReadRecord(data); err != nil {
			t.Fatal(err)
		}
		holds, _ := read.SettleOptOut(func(lifecycle.Origin) int { return 0 })
		if is := want == "true"; string(read.Traits["unsubscribed"]) != want || read.OptedOut() != is || holds.Is != is || len(read.OptOuts) != 1 {
			t.Errorf("%s: %s, %+v", text, read.Traits["unsubscribed"], read.OptOuts)
		}
	}
}

// A line belongs to a version of a script, which is kept where a message may be asked for.
func TestAMessagesFactKeepsItsVersion(t *testing.T) {
	was := lifecycle.Fact{Kind: lifecycle.FactMessage, Line: 3, Version: "v1", Message: lifecycle.HashID("m")}
	var read lifecycle.Fact
	if err := read.ReadRecord(was.AppendRecord(nil)); err != nil || read != was {
		t.Errorf("%+v became %+v, %v", was, read, err)
	}
}

// What most customers, events, facts and messages do not have costs each of them a byte.
func TestWhatIsEmptyIsSmall(t *testing.T) {
	for name, size := range map[string]int{"customer": 44, "event": 12, "fact": 11, "message": 64} {
		if got := len(records[name]().AppendRecord(nil)); got > size {
			t.Errorf("an empty %s takes %d bytes", name, got)
		}
	}
}

// Version 12 did not say for which message an address is asked about.
func TestQuestionsOfVersion12(t *testing.T) {
	c := &lifecycle.Customer{ID: lifecycle.HashID("c"), Questions: []lifecycle.Question{
		{Identity: lifecycle.Identity{Kind: lifecycle.PhoneIdentity, Value: "+84901230055"}, Asked: true}}}
	data := c.AppendRecord(nil)
	behind := bytes.Index(data, []byte("+84901230055")) + len("+84901230055") + 1
	old := append(bytes.Clone(data[:behind]), data[behind+len(lifecycle.ID{}):]...)
	old[0] = 12
	read := &lifecycle.Customer{}
	if err := read.ReadRecord(old); err != nil {
		t.Fatal(err)
	}
	if d := diff(c, read); d != "" {
		t.Error(d)
	}
}
