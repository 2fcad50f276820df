package process

import (
	"errors"
	"os"
)

func dial(string) (wire, error) { return wire{}, errors.New("not there yet on Windows") }

func closeWrite(*os.File) {}
