package cli

import "fmt"

// CustomersCommand holds the verbs for single customers.
type CustomersCommand struct {
	Test  CustomersTestCommand  `cmd:"" help:"Make a test person of a customer: a day is a minute for them, and what they get goes to the test address."`
	Token CustomersTokenCommand `cmd:"" help:"Make a token with which a page or an app shows a customer their own inbox."`
}

// CustomersTestCommand marks a test person.
type CustomersTestCommand struct {
	User string `arg:"" help:"A user ID, an anonymous ID or the customer's own ID."`
	Off  bool   `name:"off" help:"Make a customer like any other of the test person again."`
	Remote
}

// Run marks, or takes the mark away.
func (c *CustomersTestCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	if _, err = client.Post(w.ctx, "/api/customers/test", map[string]any{"user": c.User, "on": !c.Off}, nil); err != nil {
		return err
	}
	said := "is a test person now: a day is a minute for them, and no figure counts them"
	if c.Off {
		said = "is a customer like any other again"
	}
	_, err = fmt.Fprintf(w.stdout, "%s %s\n", c.User, said)
	return err
}
