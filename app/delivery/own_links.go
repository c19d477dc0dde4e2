package delivery

import (
	"time"

	"stagecraft/app/lifecycle"
)

// SetReferrals says that links for friends lead somewhere: messages may hold them. It is called before Run.
func (d *Delivery) SetReferrals(on bool) { d.referrals = on }

// HasLink reports whether messages have a link that depends on the settings, by the name of its variable.
func (d *Delivery) HasLink(variable string) bool { return variable == referralVariable && d.referrals }

// ownLinks puts into a scope the links and codes that are the customer's own, of a message sent at a moment. What costs a
// signature is made when it is asked for; what there is none of is missing.
func (d *Delivery) ownLinks(scope *Scope, m *lifecycle.Message, template *lifecycle.Template, sent time.Time) {
	if d.specimens {
		d.specimenLinks(scope, m)
		return
	}
	scope.Unsubscribe, scope.Preferences = d.unsubscribeURL(m, template), d.links.Preferences(m.Customer)
	if !d.links.Enabled() {
		return
	}
	if d.referrals {
		scope.Referral = func() string { return d.links.Referral(m.Customer) }
	}
	scope.Start = func() string { return d.links.StartCode(m.Customer, sent.Add(lifecycle.MaxStartLife)) }
}

// specimenLinks puts links in their place that lead nowhere: whoever looks at the message is somebody else.
func (d *Delivery) specimenLinks(scope *Scope, m *lifecycle.Message) {
	if m.Kind == lifecycle.Marketing {
		scope.Unsubscribe = d.publicURL + "/u/preview"
	}
	scope.Preferences = d.publicURL + "/p/preview"
	scope.Referral = func() string { return d.publicURL + "/r/preview" }
	scope.Start = func() string { return "preview" }
}
