package delivery

// Attempt is what is stored of an attempt, for the tests of its record.
type Attempt = attempt

// Leavings is what is stored of what has left to a customer.
type Leavings = leavings
