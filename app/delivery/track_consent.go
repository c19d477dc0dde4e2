package delivery

import "stagecraft/app/lifecycle"

// Allows reports whether marketing about a topic may go to a customer on a channel as far as their own words go, by the
// rule of the policy: without a word it depends on the policy, and the trait unsubscribed is a no to all of it.
func (d *Delivery) Allows(customer *lifecycle.Customer, channel, topic string) bool {
	if customer.OptedOut() {
		return false
	}
	word, said := customer.Consented(channel, topic)
	return said && word.Granted || !said && !d.policy.OptIn
}
