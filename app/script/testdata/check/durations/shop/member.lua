stage { title = "Member", goal = "Order Completed", next = "active" }

enter(function(customer)
  send "hello"
  wait "3 dayz"
  wait "0 days"
  wait_for("Order Completed", "soon")
  log(count("Order Completed", "30"))
  log(sum("Order Completed", "revenue", "a while"))
  score(10, { half_life = "month" })
  send("hello", { expires = "3 dais" })
  wait(3)
end)
