module markdown.example.org

go 1.26.0

require (
	folio.example.org v0.0.0
	github.com/plugstead/plugstead v0.0.0
)

require (
	github.com/fxamacker/cbor/v2 v2.9.6 // indirect
	github.com/x448/float16 v0.8.4 // indirect
	github.com/yuin/goldmark v1.8.7
)

replace (
	folio.example.org => ../..
	github.com/plugstead/plugstead => ../../../..
)
