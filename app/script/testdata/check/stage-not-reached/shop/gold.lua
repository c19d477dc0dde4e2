stage { title = "Gold", goal = "Order Completed", next = "active" }
