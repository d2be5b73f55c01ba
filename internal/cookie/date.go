package cookie

import (
	"strings"
	"time"
)

// parseDate reads the value of Expires as browsers do (RFC 6265 section 5.1.1): whatever the order, the case and the
// punctuation are, the first time, day, month and year in it count, as UTC.
func parseDate(text string) (time.Time, bool) {
	var date foundDate
	for token := range strings.FieldsFuncSeq(text, isDateDelimiter) {
		date.take(token)
	}
	return date.time()
}

// isDateDelimiter reports whether the character separates the parts of a date. Colons hold the parts of a time together.
func isDateDelimiter(char rune) bool {
	return char == '\t' || ' ' <= char && char <= '/' || ';' <= char && char <= '@' || '[' <= char && char <= '`' ||
		'{' <= char && char <= '~'
}

// foundDate is what of a date was found.
type foundDate struct {
	hour, minute, second, day, year int
	month                           time.Month
	foundTime, foundDay, foundYear  bool
}

// take looks for the first of time, day, month and year that is missing and that the token can be.
func (d *foundDate) take(token string) {
	if !d.foundTime {
		if hour, minute, second, ok := timeOfDay(token); ok {
			d.hour, d.minute, d.second, d.foundTime = hour, minute, second, true
			return
		}
	}
	number, digits, _ := leadingNumber(token)
	switch {
	case !d.foundDay && (digits == 1 || digits == 2):
		d.day, d.foundDay = number, true
	case d.month == 0 && monthOf(token) != 0:
		d.month = monthOf(token)
	case !d.foundYear && 2 <= digits && digits <= 4:
		d.year, d.foundYear = number, true
	}
}

// time returns the date, and false where a part is missing or there is no such date.
func (d *foundDate) time() (time.Time, bool) {
	year := d.year
	switch {
	case 70 <= year && year <= 99:
		year += 1900
	case year <= 69:
		year += 2000
	}
	if !d.foundTime || !d.foundDay || d.month == 0 || !d.foundYear || year < 1601 || d.hour > 23 || d.minute > 59 || d.second > 59 {
		return time.Time{}, false
	}
	date := time.Date(year, d.month, d.day, d.hour, d.minute, d.second, 0, time.UTC)
	if date.Day() != d.day { // there is no such day in that month
		return time.Time{}, false
	}
	return date, true
}

// timeOfDay reads hh:mm:ss, of one or two digits each. What follows behind a character that is no digit is passed over.
func timeOfDay(token string) (hour, minute, second int, ok bool) {
	var parts [3]int
	for i := range parts {
		number, digits, rest := leadingNumber(token)
		if digits < 1 || digits > 2 || i < 2 && !strings.HasPrefix(rest, ":") {
			return 0, 0, 0, false
		}
		parts[i], token = number, strings.TrimPrefix(rest, ":")
	}
	return parts[0], parts[1], parts[2], true
}

// leadingNumber returns the number that the token begins with, of how many digits it is (of more than four no date is
// made), and the rest.
func leadingNumber(token string) (number, digits int, rest string) {
	for digits < len(token) && digits < 5 && '0' <= token[digits] && token[digits] <= '9' {
		number = 10*number + int(token[digits]-'0')
		digits++
	}
	return number, digits, token[digits:]
}

// monthOf returns the month whose name's first three letters the token begins with, and 0 where there is none.
func monthOf(token string) time.Month {
	if len(token) < 3 {
		return 0
	}
	for month := time.January; month <= time.December; month++ {
		if strings.EqualFold(token[:3], month.String()[:3]) {
			return month
		}
	}
	return 0
}
