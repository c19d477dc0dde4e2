package cli

import "fmt"

// CustomersCommand holds the verbs for single customers.
type CustomersCommand struct {
	List       CustomersListCommand       `cmd:"" help:"List customers: everybody, the newest, or who has an identity."`
	Show       CustomersShowCommand       `cmd:"" aliases:"find" help:"Show a customer, with all that is kept of them, by whatever is known of them: an ID, a mail address, a telephone number."`
	Suspicious CustomersSuspiciousCommand `cmd:"" help:"List identities behind which more people seem to be than one, and let one join people again."`
	Export     CustomersExportCommand     `cmd:"" help:"Write everything that is kept of one person, as one JSON document."`
	Erase      CustomersEraseCommand      `cmd:"" help:"Forget one person for good."`
	Consents   CustomersConsentsCommand   `cmd:"" help:"Show everything somebody said about being written to, and how it can be proven."`
	Test       CustomersTestCommand       `cmd:"" help:"Make a test person of a customer: a day is a minute for them, and their mails go to the test address."`
	Token      CustomersTokenCommand      `cmd:"" help:"Make a token with which a page or an app shows a customer their own inbox."`
}

// CustomersTestCommand marks a test person.
type CustomersTestCommand struct {
	User string `arg:"" help:"A user ID, an anonymous ID or the customer's own ID."`
	Off  bool   `name:"off" help:"Make a customer like any other of the test person again."`
	AsJSON
	Remote
}

// Run marks, or takes the mark away.
func (c *CustomersTestCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	if done, err := c.post(w, client, "/api/customers/test", map[string]any{"user": c.User, "on": !c.Off}, nil); done || err != nil {
		return err
	}
	said := "is a test person now: a day is a minute for them, and no figure counts them"
	if c.Off {
		said = "is a customer like any other again"
	}
	_, err = fmt.Fprintf(w.stdout, "%s %s\n", c.User, said)
	return err
}
