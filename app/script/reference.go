package script

import "slices"

// The one reference of the language: every word, option and field with what it takes and what it does. The sandbox reads
// from it which options and fields there are; the editor's definitions (stagecraft.d.lua) and the tables of
// docs/scripting.md are printed from it. A test holds it against the words that the machine has.

// word is one entry.
type word struct {
	name    string
	forms   []string // as people write it
	where   string
	doc     string // for people, one line of Markdown
	params  []field
	returns []field
	more    []string // further signatures, in LuaLS's notation
}

// field is a parameter, an option or a field: a name, a type in LuaLS's notation, and what it is. A question mark at the
// end of the name says that it may be left out.
type field struct{ name, kind, doc string }

// class is a table that words take, or a value that they give.
type class struct {
	name   string
	title  string // for people
	fields []field
	any    string // the type of fields that are not listed; empty: there are none
}

const (
	inPlan      = "journey.lua"
	inStage     = "a stage"
	inFiles     = "both"
	inHandlers  = "in handlers"
	inAnywhere  = "anywhere"
	handlerType = "fun(customer: stagecraft.Customer, event: stagecraft.Event?)"
)

var words = []word{
	{name: "journey", where: inPlan, forms: []string{"journey { title, stages, moves, … }"}, doc: "the plan: its stages and the moves between them",
		params: []field{{"plan", "stagecraft.Journey", "what the journey is"}}},
	{name: "stage", where: inStage, forms: []string{"stage { title, goal, next, … }"}, doc: "what the stage is, what counts as its conversion and where that leads",
		params: []field{{"stage", "stagecraft.Stage", "what the stage is"}}},
	{name: "enter", where: inFiles, forms: []string{"enter(fn)"}, doc: "runs when the customer enters the stage; in journey.lua, at every stage",
		params: []field{{"fn", handlerType, "what to do"}, {"options?", "stagecraft.HandlerOptions", "how it runs"}}},
	{name: "leave", where: inFiles, forms: []string{"leave(fn)"}, doc: "runs when the customer leaves the stage; it can neither wait nor move",
		params: []field{{"fn", handlerType, "what to do"}, {"options?", "stagecraft.HandlerOptions", "how it runs"}}},
	{name: "on", where: inFiles, forms: []string{`on("Order Completed", fn)`}, doc: "runs at every event of that name",
		params: []field{{"event", "string", "the event's name"}, {"fn", "fun(customer: stagecraft.Customer, event: stagecraft.Event)", "what to do"}, {"options?", "stagecraft.HandlerOptions", "how it runs"}}},
	{name: "idle", where: inFiles, forms: []string{`idle("Order Completed", "180 days", fn)`}, doc: "runs when there was no such event for that long, once per silence",
		params: []field{{"event", "string", "the event that would end the silence"}, {"after", "stagecraft.Duration", "how long it lasts"}, {"fn", "fun(customer: stagecraft.Customer)", "what to do"}, {"options?", "stagecraft.HandlerOptions", "how it runs"}}},

	{name: "send", where: inHandlers, forms: []string{`send "thank-you"`, `send("thank-you", { by = "sms" })`}, doc: "sends the message of that name; gives a handle for `wait_for`",
		params:  []field{{"name", "string", "the message: its files are messages/NAME.CHANNEL.liquid"}, {"options?", "stagecraft.SendOptions", "what this sending says itself"}},
		returns: []field{{"handle", "stagecraft.Handle", "stands for the message"}}},
	{name: "wait", where: inHandlers, forms: []string{`wait "2 days"`}, doc: "goes on when the time has passed; the handler survives restarts meanwhile",
		params: []field{{"duration", "stagecraft.Duration", "how long"}}},
	{name: "wait_until", where: inHandlers, forms: []string{`wait_until "09:00"`, `wait_until "mon-fri 09:00"`}, doc: "goes on at the next such moment of the customer's clock",
		params: []field{{"moment", "stagecraft.Moment", "a time of day, with days of the week before it if only those count"}}},
	{name: "wait_for", where: inHandlers, forms: []string{`wait_for("Email Opened", "2 days")`, `wait_for(handle, "clicked", "2 days")`, `wait_for("Product Viewed", "2 days", { sku = "A1" })`},
		doc:     "goes on at the event and gives it, or gives nil when the time has passed; with a handle, at what becomes of that message; with properties, only at an event that has them",
		params:  []field{{"event", "string", "the event's name"}, {"duration", "stagecraft.Duration", "how long at most"}, {"properties?", "table<string, string|number|boolean>", "what the event must have, with exactly these values"}},
		returns: []field{{"event", "stagecraft.Happened?", "the event that came, or nil"}},
		more:    []string{"fun(handle: stagecraft.Handle, what: stagecraft.Became, duration: stagecraft.Duration, properties?: table<string, string|number|boolean>): stagecraft.Happened?"}},
	{name: "move", where: inHandlers, forms: []string{`move "active"`}, doc: "moves the customer to that stage and ends the handler",
		params: []field{{"stage", "string", "a stage of this journey"}}},
	{name: "set", where: inHandlers, forms: []string{`set("plan", "pro")`}, doc: "sets a trait of the customer; nil removes it",
		params: []field{{"trait", "string", "its name"}, {"value", "any", "a text, a number, true, false, a table of them, or nil"}}},
	{name: "tag", where: inHandlers, forms: []string{`tag "vip"`}, doc: "gives the customer a tag",
		params: []field{{"name", "string", "the tag"}}},
	{name: "untag", where: inHandlers, forms: []string{`untag "vip"`}, doc: "takes a tag off the customer",
		params: []field{{"name", "string", "the tag"}}},
	{name: "score", where: inHandlers, forms: []string{`score(10)`, `score(10, { half_life = "30 days" })`, `score(5, { name = "fit", once = "newsletter", cap = 100 })`},
		doc:    "gives points, negative ones too; `customer.score` is their sum, `customer.scores.fit` that of a score with a name. What `scores.lua` says of the score goes before the options",
		params: []field{{"points", "number", "how many"}, {"options?", "stagecraft.ScoreOptions", "of which score, and how they fade"}}},
	{name: "count", where: inHandlers, forms: []string{`count "Order Completed"`, `count("Order Completed", "30 days")`}, doc: "how many such events there were, ever or in the time up to now",
		params:  []field{{"event", "string", "the event's name"}, {"window?", "stagecraft.Duration", "how far back to look"}},
		returns: []field{{"n", "number", "how many"}}},
	{name: "sum", where: inHandlers, forms: []string{`sum("Order Completed", "revenue", "90 days")`}, doc: "what a property of such events adds up to; numbers in texts count too",
		params:  []field{{"event", "string", "the event's name"}, {"property", "string", "the property's name"}, {"window?", "stagecraft.Duration", "how far back to look"}},
		returns: []field{{"total", "number", "the sum"}}},
	{name: "last", where: inHandlers, forms: []string{`last "Order Completed"`}, doc: "the newest such event, or nil",
		params:  []field{{"event", "string", "the event's name"}},
		returns: []field{{"event", "stagecraft.Happened?", "the event, or nil"}}},
	{name: "split", where: inHandlers, forms: []string{`split("greeting", "short", "long")`, `split("greeting", "short", "long", { weights = { 70, 30 } })`},
		doc:     "one of the values, by hash of the customer and the name: the same customer always gets the same one",
		params:  []field{{"name", "string", "what is split; results are counted by it"}, {"...", "string|number|boolean|stagecraft.SplitOptions", "the values, at least two; then perhaps their weights"}},
		returns: []field{{"value", "any", "the customer's value"}}},
	{name: "choose", where: inHandlers, forms: []string{`choose("subject", { "short", "long" }, { goal = "Order Completed" })`},
		doc:     "one of the values, drawn with even odds that are recorded; the goal is what the choice will be judged by",
		params:  []field{{"name", "string", "what is chosen; results are counted by it"}, {"values", "(string|number|boolean)[]", "at least two"}, {"options?", "stagecraft.ChooseOptions", "what the choice is for"}},
		returns: []field{{"value", "any", "the chosen value"}}},
	{name: "track", where: inHandlers, forms: []string{`track("Trial Ended", { plan = "pro" })`, `track("Friend Joined", {}, { to = customer.referrer })`},
		doc:    "makes an event happen to this customer, or to another one, right after this one; delivered once",
		params: []field{{"event", "string", "the event's name"}, {"properties?", "table<string, any>", "its properties"}, {"options?", "stagecraft.TrackOptions", "who it happens to"}}},
	{name: "webhook", where: inHandlers, forms: []string{`webhook("https://example.com/hook", { id = customer.id })`}, doc: "posts the payload as JSON to that address",
		params: []field{{"url", "string", "an address that begins with https:// or http://"}, {"payload?", "table<string, any>", "what to post"}}},
	{name: "now", where: inHandlers, forms: []string{"now()"}, doc: "the time of this run, in seconds since 1970",
		returns: []field{{"seconds", "number", "seconds since 1970, UTC"}}},
	{name: "random", where: inHandlers, forms: []string{"random()", "random(6)", "random(10, 20)"}, doc: "a number from 0 up to 1, a whole number from 1 to n, or one from m to n",
		params:  []field{{"m?", "number", "the least, or the greatest if it stands alone"}, {"n?", "number", "the greatest"}},
		returns: []field{{"number", "number", "drawn anew at each call, and the same when a run is resumed"}}},
	{name: "log", where: inHandlers, forms: []string{"log(…)"}, doc: "writes to the customer's timeline",
		params: []field{{"...", "any", "what to write"}}},
	{name: "use", where: inAnywhere, forms: []string{`use "lib/offers"`}, doc: "what the helper scripts/lib/offers.lua returns",
		params: []field{{"name", "string", "the helper"}}, returns: []field{{"value", "any", "what its file returns"}}},
}

// The options and fields that tables of a word may have. The sandbox reads their names from here.
var (
	journeyFields = []field{
		{"title?", "string", "for people"},
		{"stages", "string[]", "the stages in order; each has a file of its name"},
		{"moves?", "table<string, string[]>|string", "from each stage, the stages it may move to; or `\"next\"` (none is skipped), `\"forward\"` (any later one) or `\"any\"`"},
		{"step_back?", "string", "which earlier stages a customer may go back to as well: `\"previous\"` or `\"any\"`; none if it is left out"},
		{"entry?", "string|string[]|false", "the events at which customers enter; `false`: they are only enrolled by hand. Left out: the first event, whichever it is"},
		{"renamed?", "table<string, string>", "former stages and what they are called now: their customers are there, and all that waits goes on"},
		{"retired?", "table<string, string|false>", "former stages and where their customers are put, without messages; `false`: out of the journey"},
		{"phases?", "string[][]", "a coarser view: lists of a title and the stages it covers, `{ { \"Sell\", \"offer\", \"close\" }, { \"Keep\", \"delight\" } }`"},
		{"exit?", "string|string[]", "events at which the customer leaves the journey, from every stage"},
		{"holdout?", "string", "the share of customers who get no marketing, for comparison, in every stage that does not say otherwise: `\"10%\"`"},
	}
	stageFields = []field{
		{"title?", "string", "for people"},
		{"goal?", "string|string[]|fun(customer: stagecraft.Customer, event: stagecraft.Event): boolean", "the event that counts as the stage's conversion; several; or a function that looks and says whether it is reached"},
		{"next?", "string", "the stage to which reaching the goal moves the customer"},
		{"holdout?", "string", "the share of customers who get no marketing here, for comparison: `\"10%\"`"},
		{"exit?", "string|string[]", "events at which the customer leaves the journey"},
		{"reenter?", "string", "when a customer who has left the stage may come again: `\"30 days\"`, `\"never\"` or `\"always\"`"},
	}
	handlerOptions = []field{{"parallel?", "boolean", "start again although it is already waiting for this customer"}}
	sendOptions    = []field{
		{"by?", "string", "the channel: email, sms, push, inapp, letter, call, social"},
		{"subject?", "string", "instead of the message's own"},
		{"preheader?", "string", "instead of the message's own"},
		{"expires?", "stagecraft.Duration", "when it is too late to leave"},
		{"caps?", "string", "what a frequency cap does to it: `\"wait\"` (the default) or `\"drop\"`"},
		{"fallback?", "boolean", "whether it goes by the customer's next channel when this one fails for good: `true` unless `by` is given"},
	}
	scoreOptions = []field{
		{"name?", "string", "which score; the one without a name if it is left out"},
		{"half_life?", "stagecraft.Duration", "after which half of the points are left; without it they stay"},
		{"cap?", "number", "the points take the score no higher"},
		{"floor?", "number", "the points take the score no lower"},
		{"once?", "string", "a key: the customer is given the points of this key once; left out, each time"},
	}
	splitOptions   = []field{{"weights?", "number[]", "one number per value; without them the shares are even"}}
	chooseOptions  = []field{{"goal?", "string", "the event by which the choice is judged; the stage's goal if it is left out"}}
	trackOptions   = []field{{"to", "string", "the user ID, or the customer's ID, of whom it happens to"}}
	handleFields   = []field{{"id", "string", "the message's ID, as in receipts"}, {"name", "string", "the message's name"}}
	customerFields = []field{
		{"id", "string", "the customer's ID, 32 hex digits"},
		{"user_id", "string?", "the first user ID by which the customer is known"},
		{"anonymous_id", "string?", "the first anonymous ID"},
		{"stage", "string?", "where the customer is in this journey"},
		{"score", "number", "the points that are left now, of the score without a name"},
		{"scores", "table<string, number>", "`customer.scores.fit`: the points that are left of a score with a name, 0 if there are none"},
		{"orders", "number", "how often they have ordered, the event at hand included"},
		{"revenue", "number", "what the orders come to, less refunds"},
		{"last_order", "string?", "when they last ordered, in RFC 3339"},
		{"tags", "table<string, true?>", "`customer.tags.vip` is true or nil"},
		{"acquired", "table<string, string?>", "what brought them here: `customer.acquired.source`, medium, campaign, referrer, landing, by (the friend's customer ID) and at"},
		{"traits", "table<string, any>", "`customer.traits.plan`"},
	}
	eventFields = []field{
		{"name", "string", "as in `on`"},
		{"type", "string", "track or identify"},
		{"timestamp", "string", "when it happened, as the sender says, in RFC 3339"},
		{"user_id", "string?", "by which it came"},
		{"anonymous_id", "string?", "by which it came"},
		{"message_id", "string?", "the sender's own"},
		{"properties", "table<string, any>", "`event.properties.revenue`"},
		{"traits", "table<string, any>", "what an identify call said"},
		{"context", "table<string, any>", "page, campaign and the like"},
	}
)

var classes = []class{
	{name: "stagecraft.Journey", title: "journey", fields: journeyFields},
	{name: "stagecraft.Stage", title: "stage", fields: stageFields},
	{name: "stagecraft.HandlerOptions", title: "enter, leave, on, idle", fields: handlerOptions},
	{name: "stagecraft.SendOptions", title: "send", fields: sendOptions},
	{name: "stagecraft.ScoreOptions", title: "score", fields: scoreOptions},
	{name: "stagecraft.SplitOptions", title: "split", fields: splitOptions},
	{name: "stagecraft.ChooseOptions", title: "choose", fields: chooseOptions},
	{name: "stagecraft.TrackOptions", title: "track", fields: trackOptions},
	{name: "stagecraft.Handle", title: "send(…)", fields: handleFields},
	{name: "stagecraft.Customer", title: "customer", fields: customerFields, any: "any"},
	{name: "stagecraft.Happened", title: "wait_for(…), last(…)", fields: eventFields[:7]},
	{name: "stagecraft.Event", title: "event", fields: eventFields},
}

// became is what wait_for(handle, …) can wait for.
var became = []string{"accepted", "delivered", "opened", "clicked", "replied", "bounced", "complained", "completed", "dismissed", "failed"}

// fieldNames returns the bare names.
func fieldNames(fields []field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.bare()
	}
	return names
}

func hasField(fields []field, name string) bool {
	return slices.ContainsFunc(fields, func(f field) bool { return f.bare() == name })
}

func (f field) bare() string {
	if n := len(f.name); n > 0 && f.name[n-1] == '?' {
		return f.name[:n-1]
	}
	return f.name
}

func (f field) optional() bool { return f.bare() != f.name }
