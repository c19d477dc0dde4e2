package delivery

import "stagecraft/app/lifecycle"

// SetReferrals says that links for friends lead somewhere: messages may hold them. It is called before Run.
func (d *Delivery) SetReferrals(on bool) { d.referrals = on }

// referralOf returns what makes a customer's link for friends; nil where there are none.
func (d *Delivery) referralOf(customer lifecycle.ID) func() string {
	if !d.referrals || !d.links.Enabled() {
		return nil
	}
	return func() string { return d.links.Referral(customer) }
}
