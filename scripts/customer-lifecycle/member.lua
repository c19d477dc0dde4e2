-- Signed up, has not bought yet. The first order moves on.

stage { title = "Member", goal = "Order Completed", next = "single-purchase" }
