package delivery

// WithLinks lets tests see how links are found.
var WithLinks = withLinks
