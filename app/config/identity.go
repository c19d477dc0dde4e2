package config

// Identity is how far one identity, such as a mail address, is believed to be one person's.
type Identity struct {
	Users  int `name:"identity-users" env:"STAGECRAFT_IDENTITY_USERS" default:"5" placeholder:"N" help:"User IDs besides the owner's that may have an address, a device or another identity before it joins nobody any more and is shown as suspicious, 1 to 1000. Default: ${default}."`
	Joined int `name:"identity-joined" env:"STAGECRAFT_IDENTITY_JOINED" default:"50" placeholder:"N" help:"Customers besides the owner of whom one identity may be said before the same, 1 to 10000. Default: ${default}."`
}

// check takes 0 for the default, as in a Config that no flags were read into.
func (i Identity) check(problems *Problems) {
	if i.Users < 0 || i.Users > 1000 {
		problems.add("--identity-users", "%d is none of 1 to 1000", i.Users)
	}
	if i.Joined < 0 || i.Joined > 10000 {
		problems.add("--identity-joined", "%d is none of 1 to 10000", i.Joined)
	}
}
