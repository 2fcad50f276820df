module wordcount.example.org

go 1.26.0

require (
	folio.example.org v0.0.0
	github.com/plugstead/plugstead v0.0.0
)

replace (
	folio.example.org => ../..
	github.com/plugstead/plugstead => ../../../..
)
