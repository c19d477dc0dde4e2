package delivery

import "stagecraft/app/lifecycle"

// RefOf writes a message's reference as OneMessage reads it and lists show it.
func RefOf(ref lifecycle.Ref) string { return refTo(ref.Partition, messageKey(ref.Decided, ref.ID)) }
