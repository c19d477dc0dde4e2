package script

// The words of tests (*_test.lua), for the editor's definitions and the tables of docs/scripting.md.

const inTests = "in tests"

var testWords = []word{
	{name: "describe", where: inTests, forms: []string{`describe("single purchase", fn)`}, doc: "groups cases under a name",
		params: []field{{"name", "string", "what the cases are about"}, {"fn", "fun()", "holds the cases"}}},
	{name: "it", where: inTests, forms: []string{`it("thanks at once", fn)`}, doc: "one case, in a world of its own, in virtual time",
		params: []field{{"name", "string", "what is true if the case passes"}, {"fn", "fun()", "the case"}}},
	{name: "before_each", where: inTests, forms: []string{"before_each(fn)"}, doc: "runs before every case of its group",
		params: []field{{"fn", "fun()", "what to do"}}},
	{name: "customer", where: inTests, forms: []string{`customer { email = "a@b.vn" }`}, doc: "somebody new with these traits; `user_id` and `anonymous_id` are their identity",
		params: []field{{"traits", "table<string, any>", "what is known of them"}}, returns: []field{{"customer", "stagecraft.Person", "whom to let act and to look at"}}},
	{name: "advance", where: inTests, forms: []string{`advance "31 days"`}, doc: "lets time pass; what is due on the way happens at its own time",
		params: []field{{"duration", "stagecraft.Duration", "how long"}}},
	{name: "at", where: inTests, forms: []string{`at "2026-03-01 09:00"`}, doc: "lets time pass up to a moment (UTC, unless it names its offset); before the first customer, begins the case there",
		params: []field{{"moment", "string", "when"}}},
	{name: "expect", where: inTests, forms: []string{`expect(c.stage).to.equal("active")`, `expect(c).to.have.received("thank-you")`, `expect(c).to.never.received("club")`}, doc: "fails the case if it does not hold",
		params: []field{{"value", "any", "what to look at; a function for `fail`"}}, returns: []field{{"expectation", "stagecraft.Expectation", "goes on with what should hold"}}},
}

var (
	personMembers = []field{
		{"track", "fun(self: stagecraft.Person, event: string, properties?: table<string, any>)", "lets an event happen: `c:track(\"Order Completed\", { revenue = 20 })`"},
		{"identify", "fun(self: stagecraft.Person, traits: table<string, any>)", "tells traits, or a `user_id` by which they are known from now on"},
		{"award", "fun(self: stagecraft.Person, points: number, options?: table<string, any>)", "gives points as `score` does in a script: `c:award(40, { name = \"fit\" })`"},
		{"open", "fun(self: stagecraft.Person, message: string)", "opens the newest message of that name"},
		{"click", "fun(self: stagecraft.Person, message: string, properties?: table<string, any>)", "clicks in it: `c:click(\"offer\", { url = \"https://shop.example/\" })`"},
		{"reply", "fun(self: stagecraft.Person, message: string)", "answers it"},
		{"bounce", "fun(self: stagecraft.Person, message: string)", "sends it back"},
		{"complain", "fun(self: stagecraft.Person, message: string)", "calls it spam"},
		{"dismiss", "fun(self: stagecraft.Person, message: string)", "closes it in the app"},
		{"deliver", "fun(self: stagecraft.Person, message: string)", "reports it as delivered"},
		{"received", "fun(self: stagecraft.Person, message?: string): any", "how often a message was received; without a name, which were"},
		{"inbox", "fun(self: stagecraft.Person, message?: string): table[]", "the messages that arrived, as they were rendered"},
		{"messages", "fun(self: stagecraft.Person, message?: string): table[]", "everything that was decided, also what was kept back, and why"},
		{"has_tag", "fun(self: stagecraft.Person, tag: string): boolean", "whether they have a tag"},
		{"in_segment", "fun(self: stagecraft.Person, segment: string): boolean", "whether they are in a segment"},
		{"stage", "string?", "where they are in this journey"},
		{"stages", "string[]", "the stages entered, in order"},
		{"converted", "string[]", "the stages whose goal was reached"},
		{"refused", "string[]", "the moves that were refused, as \"member > lost\""},
		{"events", "string[]", "the names of the events that happened"},
		{"logged", "string[]", "what scripts logged"},
		{"score", "number", "the points that are left now, of the score without a name"},
		{"scores", "table<string, number>", "those of the scores with a name"},
		{"orders", "number", "how often they have ordered"},
		{"revenue", "number", "what the orders come to, less refunds"},
		{"last_order", "string?", "when they last ordered"},
		{"tags", "table<string, true>", "the tags"},
		{"traits", "table<string, any>", "everything that is known of them; a trait may be read by its name, too"},
	}
	expectMembers = []field{
		{"equal", "fun(value: any)", "the same, tables by what they hold"},
		{"exist", "fun()", "not nil"}, {"truthy", "fun()", "neither nil nor false"}, {"falsy", "fun()", "nil or false"}, {"empty", "fun()", "a table or text without content"},
		{"above", "fun(n: number)", "more than"}, {"below", "fun(n: number)", "less than"}, {"at_least", "fun(n: number)", "this or more"}, {"at_most", "fun(n: number)", "this or less"},
		{"near", "fun(n: number, by?: number)", "about this much, for scores that fade"},
		{"length", "fun(n: number)", "so many entries or bytes"},
		{"contain", "fun(part: any)", "a part of a text, or an entry of a table"},
		{"match", "fun(pattern: string)", "a Lua pattern"},
		{"fail", "fun(part?: string)", "of a function: it raises an error that says so"},
		{"in_stage", "fun(stage: string)", "the customer is in that stage"},
		{"been_in", "fun(stage: string)", "the customer has been in that stage"},
		{"received", "fun(message: string, times?: number)", "the customer has received that message, or so often"},
		{"tag", "fun(tag: string)", "the customer has that tag"},
		{"in_segment", "fun(segment: string)", "the customer is in that segment"},
	}
)

// expectChain are the words that only read well, and those that ask for the opposite.
var expectChain = []string{"to", "be", "been", "have", "has", "a", "an", "is", "never", "to_not"}

var testClasses = []class{
	{name: "stagecraft.Person", title: "customer, in tests", fields: personMembers, any: "any"},
	{name: "stagecraft.Expectation", title: "expect(…).to", fields: expectMembers},
}
