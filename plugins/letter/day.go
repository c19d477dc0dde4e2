package letter

import "time"

// dayLayout is how days are called in names of files; such names sort by time.
const dayLayout = "2006-01-02"

// dayOf is the day to whose batch a letter of this moment belongs.
func (s *settings) dayOf(now time.Time) string {
	local := now.In(s.zone)
	day := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC)
	if local.Hour()*60+local.Minute() >= s.cutoff {
		day = day.AddDate(0, 0, 1)
	}
	return day.Format(dayLayout)
}

// dayAfter is the next day; the days are ours, and well formed.
func dayAfter(day string) string { return dateOf(day).AddDate(0, 0, 1).Format(dayLayout) }

// dateOf is a day's date; zero for a name that is none.
func dateOf(day string) time.Time {
	date, err := time.Parse(dayLayout, day)
	if err != nil {
		return time.Time{}
	}
	return date
}
