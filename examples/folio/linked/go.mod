module folio.example.org/linked

go 1.26.0

require (
	folio.example.org v0.0.0
	wordcount.example.org v0.0.0
)

replace (
	folio.example.org => ../
	github.com/plugstead/plugstead => ../../..
	wordcount.example.org => ../plugins/wordcount
)
