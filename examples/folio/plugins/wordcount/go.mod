module wordcount.example.org

go 1.26.0

require (
	folio.example.org v0.0.0
	github.com/plugstead/plugstead v0.0.0
)

require (
	github.com/fxamacker/cbor/v2 v2.9.6 // indirect
	github.com/x448/float16 v0.8.4 // indirect
	golang.org/x/net v0.62.0
)

replace (
	folio.example.org => ../..
	github.com/plugstead/plugstead => ../../../..
)
