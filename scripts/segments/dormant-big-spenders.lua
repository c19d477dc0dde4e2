-- They have spent much within a year and bought nothing for three months: worth a call.
segment { title = "Dormant big spenders", note = "500 or more within a year, and no order for 90 days" }

member(function(customer)
  return count("Order Completed", "90 days") == 0
    and sum("Order Completed", "revenue", "365 days") >= 500
end)
