---@meta
-- The words of Stagecraft's stage scripts, for editors with the Lua language server. Generated; do not edit.

--- How long: as people write it ("90 minutes", "2 weeks 3 days") or as ISO 8601 does ("PT36H"). A day is 24 hours.
---@alias stagecraft.Duration string

--- A time of day ("09:00"), perhaps on some days of the week ("mon-fri 09:00", "mon,wed 08:00"), or of one day ("2026-06-01 09:00").
---@alias stagecraft.Moment string

--- What can become of a message.
---@alias stagecraft.Became
---| "accepted"
---| "delivered"
---| "opened"
---| "clicked"
---| "replied"
---| "bounced"
---| "complained"
---| "completed"
---| "dismissed"
---| "failed"

--- Of `journey`.
---@class stagecraft.Journey
---@field title? string for people
---@field stages string[] the stages in order; each has a file of its name
---@field moves? table<string, string[]>|string from each stage, the stages it may move to; or `"next"` (none is skipped), `"forward"` (any later one) or `"any"`
---@field step_back? string which earlier stages a customer may go back to as well: `"previous"` or `"any"`; none if it is left out
---@field entry? string|string[]|false the events at which customers enter; `false`: they are only enrolled by hand. Left out: the first event, whichever it is
---@field renamed? table<string, string> former stages and what they are called now: their customers are there, and all that waits goes on
---@field retired? table<string, string|false> former stages and where their customers are put, without messages; `false`: out of the journey
---@field phases? string[][] a coarser view: lists of a title and the stages it covers, `{ { "Sell", "offer", "close" }, { "Keep", "delight" } }`
---@field exit? string|string[] events at which the customer leaves the journey, from every stage
---@field holdout? string the share of customers who get no marketing, for comparison, in every stage that does not say otherwise: `"10%"`

--- Of `stage`.
---@class stagecraft.Stage
---@field title? string for people
---@field goal? string|string[]|fun(customer: stagecraft.Customer, event: stagecraft.Event): boolean the event that counts as the stage's conversion; several; or a function that looks and says whether it is reached
---@field next? string the stage to which reaching the goal moves the customer
---@field holdout? string the share of customers who get no marketing here, for comparison: `"10%"`
---@field exit? string|string[] events at which the customer leaves the journey
---@field reenter? string when a customer who has left the stage may come again: `"30 days"`, `"never"` or `"always"`

--- Of `enter, leave, on, idle`.
---@class stagecraft.HandlerOptions
---@field parallel? boolean start again although it is already waiting for this customer

--- Of `send`.
---@class stagecraft.SendOptions
---@field by? string the channel: email, sms, push, inapp, letter, call, social
---@field subject? string instead of the message's own
---@field preheader? string instead of the message's own
---@field expires? stagecraft.Duration when it is too late to leave
---@field caps? string what a frequency cap does to it: `"wait"` (the default) or `"drop"`
---@field fallback? boolean whether it goes by the customer's next channel when this one fails for good: `true` unless `by` is given

--- Of `score`.
---@class stagecraft.ScoreOptions
---@field name? string which score; the one without a name if it is left out
---@field half_life? stagecraft.Duration after which half of the points are left; without it they stay
---@field cap? number the points take the score no higher
---@field floor? number the points take the score no lower
---@field once? string a key: the customer is given the points of this key once; left out, each time

--- Of `split`.
---@class stagecraft.SplitOptions
---@field weights? number[] one number per value; without them the shares are even

--- Of `choose`.
---@class stagecraft.ChooseOptions
---@field goal? string the event by which the choice is judged; the stage's goal if it is left out

--- Of `track`.
---@class stagecraft.TrackOptions
---@field to string the user ID, or the customer's ID, of whom it happens to

--- Of `send(…)`.
---@class stagecraft.Handle
---@field id string the message's ID, as in receipts
---@field name string the message's name

--- Of `customer`.
---@class stagecraft.Customer
---@field id string the customer's ID, 32 hex digits
---@field user_id string? the first user ID by which the customer is known
---@field anonymous_id string? the first anonymous ID
---@field stage string? where the customer is in this journey
---@field score number the points that are left now, of the score without a name
---@field scores table<string, number> `customer.scores.fit`: the points that are left of a score with a name, 0 if there are none
---@field orders number how often they have ordered, the event at hand included
---@field revenue number what the orders come to, less refunds
---@field last_order string? when they last ordered, in RFC 3339
---@field tags table<string, true?> `customer.tags.vip` is true or nil
---@field acquired table<string, string?> what brought them here: `customer.acquired.source`, medium, campaign, referrer, landing, by (the friend's customer ID) and at
---@field traits table<string, any> `customer.traits.plan`
---@field [string] any

--- Of `wait_for(…), last(…)`.
---@class stagecraft.Happened
---@field name string as in `on`
---@field type string track or identify
---@field timestamp string when it happened, as the sender says, in RFC 3339
---@field user_id string? by which it came
---@field anonymous_id string? by which it came
---@field message_id string? the sender's own
---@field properties table<string, any> `event.properties.revenue`

--- Of `event`.
---@class stagecraft.Event
---@field name string as in `on`
---@field type string track or identify
---@field timestamp string when it happened, as the sender says, in RFC 3339
---@field user_id string? by which it came
---@field anonymous_id string? by which it came
---@field message_id string? the sender's own
---@field properties table<string, any> `event.properties.revenue`
---@field traits table<string, any> what an identify call said
---@field context table<string, any> page, campaign and the like

--- Of `customer, in tests`.
---@class stagecraft.Person
---@field track fun(self: stagecraft.Person, event: string, properties?: table<string, any>) lets an event happen: `c:track("Order Completed", { revenue = 20 })`
---@field identify fun(self: stagecraft.Person, traits: table<string, any>) tells traits, or a `user_id` by which they are known from now on
---@field award fun(self: stagecraft.Person, points: number, options?: table<string, any>) gives points as `score` does in a script: `c:award(40, { name = "fit" })`
---@field open fun(self: stagecraft.Person, message: string) opens the newest message of that name
---@field click fun(self: stagecraft.Person, message: string, properties?: table<string, any>) clicks in it: `c:click("offer", { url = "https://shop.example/" })`
---@field reply fun(self: stagecraft.Person, message: string) answers it
---@field bounce fun(self: stagecraft.Person, message: string) sends it back
---@field complain fun(self: stagecraft.Person, message: string) calls it spam
---@field dismiss fun(self: stagecraft.Person, message: string) closes it in the app
---@field deliver fun(self: stagecraft.Person, message: string) reports it as delivered
---@field received fun(self: stagecraft.Person, message?: string): any how often a message was received; without a name, which were
---@field inbox fun(self: stagecraft.Person, message?: string): table[] the messages that arrived, as they were rendered
---@field messages fun(self: stagecraft.Person, message?: string): table[] everything that was decided, also what was kept back, and why
---@field has_tag fun(self: stagecraft.Person, tag: string): boolean whether they have a tag
---@field in_segment fun(self: stagecraft.Person, segment: string): boolean whether they are in a segment
---@field stage string? where they are in this journey
---@field stages string[] the stages entered, in order
---@field converted string[] the stages whose goal was reached
---@field refused string[] the moves that were refused, as "member > lost"
---@field events string[] the names of the events that happened
---@field logged string[] what scripts logged
---@field score number the points that are left now, of the score without a name
---@field scores table<string, number> those of the scores with a name
---@field orders number how often they have ordered
---@field revenue number what the orders come to, less refunds
---@field last_order string? when they last ordered
---@field tags table<string, true> the tags
---@field traits table<string, any> everything that is known of them; a trait may be read by its name, too
---@field [string] any

--- Of `expect(…).to`.
---@class stagecraft.Expectation
---@field equal fun(value: any) the same, tables by what they hold
---@field exist fun() not nil
---@field truthy fun() neither nil nor false
---@field falsy fun() nil or false
---@field empty fun() a table or text without content
---@field above fun(n: number) more than
---@field below fun(n: number) less than
---@field at_least fun(n: number) this or more
---@field at_most fun(n: number) this or less
---@field near fun(n: number, by?: number) about this much, for scores that fade
---@field length fun(n: number) so many entries or bytes
---@field contain fun(part: any) a part of a text, or an entry of a table
---@field match fun(pattern: string) a Lua pattern
---@field fail fun(part?: string) of a function: it raises an error that says so
---@field in_stage fun(stage: string) the customer is in that stage
---@field been_in fun(stage: string) the customer has been in that stage
---@field received fun(message: string, times?: number) the customer has received that message, or so often
---@field tag fun(tag: string) the customer has that tag
---@field in_segment fun(segment: string) the customer is in that segment
---@field to stagecraft.Expectation
---@field be stagecraft.Expectation
---@field been stagecraft.Expectation
---@field have stagecraft.Expectation
---@field has stagecraft.Expectation
---@field a stagecraft.Expectation
---@field an stagecraft.Expectation
---@field is stagecraft.Expectation
---@field never stagecraft.Expectation
---@field to_not stagecraft.Expectation

--- The plan: its stages and the moves between them.
---
--- ```lua
--- journey { title, stages, moves, … }
--- ```
---@param plan stagecraft.Journey what the journey is
function journey(plan) end

--- What the stage is, what counts as its conversion and where that leads.
---
--- ```lua
--- stage { title, goal, next, … }
--- ```
---@param stage stagecraft.Stage what the stage is
function stage(stage) end

--- Runs when the customer enters the stage; in journey.lua, at every stage.
---
--- ```lua
--- enter(fn)
--- ```
---@param fn fun(customer: stagecraft.Customer, event: stagecraft.Event?) what to do
---@param options? stagecraft.HandlerOptions how it runs
function enter(fn, options) end

--- Runs when the customer leaves the stage; it can neither wait nor move.
---
--- ```lua
--- leave(fn)
--- ```
---@param fn fun(customer: stagecraft.Customer, event: stagecraft.Event?) what to do
---@param options? stagecraft.HandlerOptions how it runs
function leave(fn, options) end

--- Runs at every event of that name.
---
--- ```lua
--- on("Order Completed", fn)
--- ```
---@param event string the event's name
---@param fn fun(customer: stagecraft.Customer, event: stagecraft.Event) what to do
---@param options? stagecraft.HandlerOptions how it runs
function on(event, fn, options) end

--- Runs when there was no such event for that long, once per silence.
---
--- ```lua
--- idle("Order Completed", "180 days", fn)
--- ```
---@param event string the event that would end the silence
---@param after stagecraft.Duration how long it lasts
---@param fn fun(customer: stagecraft.Customer) what to do
---@param options? stagecraft.HandlerOptions how it runs
function idle(event, after, fn, options) end

--- Sends the message of that name; gives a handle for `wait_for`.
---
--- ```lua
--- send "thank-you"
--- send("thank-you", { by = "sms" })
--- ```
---@param name string the message: its files are messages/NAME.CHANNEL.liquid
---@param options? stagecraft.SendOptions what this sending says itself
---@return stagecraft.Handle handle stands for the message
function send(name, options) end

--- Goes on when the time has passed; the handler survives restarts meanwhile.
---
--- ```lua
--- wait "2 days"
--- ```
---@param duration stagecraft.Duration how long
function wait(duration) end

--- Goes on at the next such moment of the customer's clock.
---
--- ```lua
--- wait_until "09:00"
--- wait_until "mon-fri 09:00"
--- ```
---@param moment stagecraft.Moment a time of day, with days of the week before it if only those count
function wait_until(moment) end

--- Goes on at the event and gives it, or gives nil when the time has passed; with a handle, at what becomes of that message; with properties, only at an event that has them.
---
--- ```lua
--- wait_for("Email Opened", "2 days")
--- wait_for(handle, "clicked", "2 days")
--- wait_for("Product Viewed", "2 days", { sku = "A1" })
--- ```
---@param event string the event's name
---@param duration stagecraft.Duration how long at most
---@param properties? table<string, string|number|boolean> what the event must have, with exactly these values
---@return stagecraft.Happened? event the event that came, or nil
---@overload fun(handle: stagecraft.Handle, what: stagecraft.Became, duration: stagecraft.Duration, properties?: table<string, string|number|boolean>): stagecraft.Happened?
function wait_for(event, duration, properties) end

--- Moves the customer to that stage and ends the handler.
---
--- ```lua
--- move "active"
--- ```
---@param stage string a stage of this journey
function move(stage) end

--- Sets a trait of the customer; nil removes it.
---
--- ```lua
--- set("plan", "pro")
--- ```
---@param trait string its name
---@param value any a text, a number, true, false, a table of them, or nil
function set(trait, value) end

--- Gives the customer a tag.
---
--- ```lua
--- tag "vip"
--- ```
---@param name string the tag
function tag(name) end

--- Takes a tag off the customer.
---
--- ```lua
--- untag "vip"
--- ```
---@param name string the tag
function untag(name) end

--- Gives points, negative ones too; `customer.score` is their sum, `customer.scores.fit` that of a score with a name. What `scores.lua` says of the score goes before the options.
---
--- ```lua
--- score(10)
--- score(10, { half_life = "30 days" })
--- score(5, { name = "fit", once = "newsletter", cap = 100 })
--- ```
---@param points number how many
---@param options? stagecraft.ScoreOptions of which score, and how they fade
function score(points, options) end

--- How many such events there were, ever or in the time up to now.
---
--- ```lua
--- count "Order Completed"
--- count("Order Completed", "30 days")
--- ```
---@param event string the event's name
---@param window? stagecraft.Duration how far back to look
---@return number n how many
function count(event, window) end

--- What a property of such events adds up to; numbers in texts count too.
---
--- ```lua
--- sum("Order Completed", "revenue", "90 days")
--- ```
---@param event string the event's name
---@param property string the property's name
---@param window? stagecraft.Duration how far back to look
---@return number total the sum
function sum(event, property, window) end

--- The newest such event, or nil.
---
--- ```lua
--- last "Order Completed"
--- ```
---@param event string the event's name
---@return stagecraft.Happened? event the event, or nil
function last(event) end

--- One of the values, by hash of the customer and the name: the same customer always gets the same one.
---
--- ```lua
--- split("greeting", "short", "long")
--- split("greeting", "short", "long", { weights = { 70, 30 } })
--- ```
---@param name string what is split; results are counted by it
---@param ... string|number|boolean|stagecraft.SplitOptions the values, at least two; then perhaps their weights
---@return any value the customer's value
function split(name, ...) end

--- One of the values, drawn with even odds that are recorded; the goal is what the choice will be judged by.
---
--- ```lua
--- choose("subject", { "short", "long" }, { goal = "Order Completed" })
--- ```
---@param name string what is chosen; results are counted by it
---@param values (string|number|boolean)[] at least two
---@param options? stagecraft.ChooseOptions what the choice is for
---@return any value the chosen value
function choose(name, values, options) end

--- Makes an event happen to this customer, or to another one, right after this one; delivered once.
---
--- ```lua
--- track("Trial Ended", { plan = "pro" })
--- track("Friend Joined", {}, { to = customer.referrer })
--- ```
---@param event string the event's name
---@param properties? table<string, any> its properties
---@param options? stagecraft.TrackOptions who it happens to
function track(event, properties, options) end

--- Posts the payload as JSON to that address.
---
--- ```lua
--- webhook("https://example.com/hook", { id = customer.id })
--- ```
---@param url string an address that begins with https:// or http://
---@param payload? table<string, any> what to post
function webhook(url, payload) end

--- The time of this run, in seconds since 1970.
---
--- ```lua
--- now()
--- ```
---@return number seconds seconds since 1970, UTC
function now() end

--- A number from 0 up to 1, a whole number from 1 to n, or one from m to n.
---
--- ```lua
--- random()
--- random(6)
--- random(10, 20)
--- ```
---@param m? number the least, or the greatest if it stands alone
---@param n? number the greatest
---@return number number drawn anew at each call, and the same when a run is resumed
function random(m, n) end

--- Writes to the customer's timeline.
---
--- ```lua
--- log(…)
--- ```
---@param ... any what to write
function log(...) end

--- What the helper scripts/lib/offers.lua returns.
---
--- ```lua
--- use "lib/offers"
--- ```
---@param name string the helper
---@return any value what its file returns
function use(name) end

--- Groups cases under a name.
---
--- ```lua
--- describe("single purchase", fn)
--- ```
---@param name string what the cases are about
---@param fn fun() holds the cases
function describe(name, fn) end

--- One case, in a world of its own, in virtual time.
---
--- ```lua
--- it("thanks at once", fn)
--- ```
---@param name string what is true if the case passes
---@param fn fun() the case
function it(name, fn) end

--- Runs before every case of its group.
---
--- ```lua
--- before_each(fn)
--- ```
---@param fn fun() what to do
function before_each(fn) end

--- Somebody new with these traits; `user_id` and `anonymous_id` are their identity.
---
--- ```lua
--- customer { email = "a@b.vn" }
--- ```
---@param traits table<string, any> what is known of them
---@return stagecraft.Person customer whom to let act and to look at
function customer(traits) end

--- Lets time pass; what is due on the way happens at its own time.
---
--- ```lua
--- advance "31 days"
--- ```
---@param duration stagecraft.Duration how long
function advance(duration) end

--- Lets time pass up to a moment (UTC, unless it names its offset); before the first customer, begins the case there.
---
--- ```lua
--- at "2026-03-01 09:00"
--- ```
---@param moment string when
function at(moment) end

--- Fails the case if it does not hold.
---
--- ```lua
--- expect(c.stage).to.equal("active")
--- expect(c).to.have.received("thank-you")
--- expect(c).to.never.received("club")
--- ```
---@param value any what to look at; a function for `fail`
---@return stagecraft.Expectation expectation goes on with what should hold
function expect(value) end
