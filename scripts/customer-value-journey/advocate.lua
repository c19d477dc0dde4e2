-- Has bought again and again. We ask for a review; who gives a good one is asked to tell a friend.

stage { title = "Advocate", goal = { "Invite Sent", "Referral Completed" }, next = "promote" }

enter(function(customer)
  wait "7 days"
  send "review-request"
  local review = wait_for("Product Reviewed", "21 days")
  if not review then return end
  if (tonumber(review.properties.rating) or 0) <= 3 then
    send "make-it-right"
    return
  end
  send "review-thanks"
  wait "5 days"
  send "tell-a-friend"
end)

idle("Order Completed", "365 days", function(customer)
  move "ascend"
end)
