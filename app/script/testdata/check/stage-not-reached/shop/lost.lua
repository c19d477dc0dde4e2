stage { title = "Lost" }
