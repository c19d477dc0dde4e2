package web

import (
	"strings"

	"github.com/gofiber/fiber/v2"
)

// formWords are the words of forms' pages, by language. Those of what is wrong with an answer have its name.
var formWords = map[string]map[string]string{
	"en": {
		"send": "Send", "optional": "optional", "required": "required", "choose": "Choose …", "trap": "Leave this empty",
		"wrong": "Please look at what is marked below.", "quick": "That was quick. Please send it once more.",
		"stale": "The page was open for long. Please send it once more.", "many": "Too many forms have come from here. Please try again later.",
		"missing": "Please fill this in.", "missingBox": "Please tick this to go on.", "long": "This is too long.", "email": "This is no mail address.", "phone": "Write the number with its country code, such as +84 90 123 4567.",
		"number": "This is no number.", "date": "Write the day like 2026-06-01.", "choice": "Choose one of the answers.", "text": "There are signs in it that cannot be read.",
		"checkTitle": "One more step", "check": "We have written to you. Please click the link in the mail to confirm your address; it works for 7 days. If nothing comes, look into the spam folder.",
		"doneTitle": "Thank you", "done": "We have it.", "reward": "Download", "rewardNote": "The link works until",
		"askTitle": "Is this your address?", "ask": "Please confirm that you want this:", "confirm": "Yes, confirm", "askNote": "If it was not you, close this page. Nothing happens then.",
		"brokenTitle": "This link does not work", "broken": "It has expired, or not all of it has come. Please fill in the form once more.",
		"goneTitle": "This is not there any more", "gone": "The link has expired, or what it led to was taken away.",
		"other": "Tiếng Việt",
	},
	"vi": {
		"send": "Gửi", "optional": "không bắt buộc", "required": "bắt buộc", "choose": "Chọn …", "trap": "Để trống ô này",
		"wrong": "Vui lòng xem lại những chỗ được đánh dấu bên dưới.", "quick": "Bạn điền nhanh quá. Vui lòng gửi lại lần nữa.",
		"stale": "Trang đã mở khá lâu. Vui lòng gửi lại lần nữa.", "many": "Có quá nhiều biểu mẫu được gửi từ đây. Vui lòng thử lại sau.",
		"missing": "Vui lòng điền vào ô này.", "missingBox": "Vui lòng đánh dấu ô này để tiếp tục.", "long": "Nội dung này quá dài.", "email": "Đây không phải là địa chỉ email.", "phone": "Hãy viết số kèm mã quốc gia, ví dụ +84 90 123 4567.",
		"number": "Đây không phải là số.", "date": "Hãy viết ngày như 2026-06-01.", "choice": "Vui lòng chọn một trong các câu trả lời.", "text": "Có ký tự không đọc được.",
		"checkTitle": "Còn một bước nữa", "check": "Chúng tôi đã gửi email cho bạn. Vui lòng bấm vào liên kết trong thư để xác nhận địa chỉ; liên kết có hiệu lực trong 7 ngày. Nếu không thấy thư, hãy xem trong mục thư rác.",
		"doneTitle": "Cảm ơn bạn", "done": "Chúng tôi đã nhận được.", "reward": "Tải xuống", "rewardNote": "Liên kết có hiệu lực đến",
		"askTitle": "Đây có phải địa chỉ của bạn?", "ask": "Vui lòng xác nhận rằng bạn muốn nhận:", "confirm": "Đúng, xác nhận", "askNote": "Nếu không phải bạn, hãy đóng trang này. Sẽ không có gì xảy ra.",
		"brokenTitle": "Liên kết này không dùng được", "broken": "Liên kết đã hết hạn hoặc không đầy đủ. Vui lòng điền lại biểu mẫu.",
		"goneTitle": "Nội dung này không còn nữa", "gone": "Liên kết đã hết hạn, hoặc nội dung đã được gỡ bỏ.",
		"other": "English",
	},
}

// pageLanguage returns en or vi: what was asked for, else what the browser prefers.
func pageLanguage(asked string, c *fiber.Ctx) string {
	if asked = strings.ToLower(asked); formWords[asked] != nil {
		return asked
	}
	return languageOf(c)
}
