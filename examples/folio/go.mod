module folio.example.org

go 1.26.0

require (
	github.com/plugstead/plugstead v0.0.0
	github.com/spf13/cobra v1.10.2
)

replace github.com/plugstead/plugstead => ../..
