package web

import "strings"

// Limits of the shape of a README. A renderer of Markdown takes time and memory out
// of proportion for some shapes that nobody writes by hand: a line of links that
// never end, quotes in quotes in quotes, a wide table whose rows are left empty.
const (
	maxReadmeLine = 4 << 10 // bytes
	maxNesting    = 32      // quotes and lists that begin on one line
	maxCells      = 20_000  // cells of all tables, empty ones that are filled in too
	maxMarks      = 5000    // marks of emphasis in one paragraph
)

// rendersFast reports whether Markdown stays within the limits. It reads lines
// without understanding them and so counts too much rather than too little.
func rendersFast(source string) bool {
	cells, columns, marks := 0, 0, 0 // columns and marks of what the line may belong to
	for line := range strings.Lines(source) {
		if len(line) > maxReadmeLine || nesting(line) > maxNesting {
			return false
		}
		switch n := delimiters(line); {
		case strings.TrimSpace(line) == "":
			columns, marks = 0, 0
		case n > 0:
			columns = max(columns, n)
		}
		cells += columns
		marks += strings.Count(line, "*") + strings.Count(line, "_") + strings.Count(line, "~")
		if cells > maxCells || marks > maxMarks {
			return false
		}
	}
	return true
}

// nesting counts the marks of quotes and lists at the beginning of a line.
func nesting(line string) int {
	if strings.Trim(line, "* \t\r\n") == "" || strings.Trim(line, "- \t\r\n") == "" {
		return 0 // a line across the page
	}
	n := 0
	for _, c := range []byte(line) {
		switch c {
		case '>', '*', '-', '+', '.', ')':
			n++
		case ' ', '\t', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		default:
			return n
		}
	}
	return n
}

// delimiters returns the number of columns if a line can be the one between the head
// of a table and its rows.
func delimiters(line string) int {
	if !strings.Contains(line, "-") || strings.Trim(line, "|:->*+.) \t\r\n0123456789") != "" {
		return 0
	}
	return strings.Count(strings.Trim(line, "|> \t\r\n"), "|") + 1
}
