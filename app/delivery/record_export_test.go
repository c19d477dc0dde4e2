package delivery

// Attempt is what is stored of an attempt, for the tests of its record.
type Attempt = attempt

// Leavings is what is stored of what has left to a customer.
type Leavings = leavings

// MarkupLayout is the layout of mails whose text part is made of their HTML, and is not stored.
const MarkupLayout = markupLayout
