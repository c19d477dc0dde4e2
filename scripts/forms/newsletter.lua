-- A sign-up for letters, with a guide as a thank-you. The page is at /f/newsletter.
--
-- It takes effect when the owner of the mail address has clicked the link in messages/confirm.email.liquid: only then
-- the answers become traits, the box becomes consent, and "Form Submitted" happens with form = "newsletter".

form {
  title  = { en = "Letters from the shop", vi = "Thư từ cửa hàng" },
  intro  = { en = "One letter a month: what is new, and what it is good for.",
             vi = "Mỗi tháng một lá thư: có gì mới, và dùng để làm gì." },
  button = { en = "Sign up", vi = "Đăng ký" },

  fields = {
    { name = "email", label = "Email", required = true },
    { name = "first_name", label = { en = "First name", vi = "Tên" } },
  },

  consents = {
    { name = "letters", topic = "news", required = true,
      label = { en = "Yes, write to me once a month. I can stop it at any time with the link in every letter.",
                vi = "Vâng, hãy viết cho tôi mỗi tháng một lần. Tôi có thể dừng bất cứ lúc nào bằng liên kết trong mỗi thư." } },
  },

  opt_in = "double",
}
