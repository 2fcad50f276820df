package strictjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// checker follows the tokens of one valid value with a stack of its own, so that deep
// input costs memory only up to the limit.
type checker struct {
	limits Limits
	root   reflect.Type
	stack  []level
}

// level is an object or array that is open.
type level struct {
	object  bool
	wantKey bool
	known   uint64            // the fields of shape that were there, by number
	keys    map[string]string // folded key to key, of those that known does not say
	shape   *shape            // what is known of the type; nil: nothing
	next    reflect.Type      // of the value that follows
}

// follow walks over b, which is valid JSON: the bytes between strings mean what they
// look like.
func (c *checker) follow(b []byte) error {
	for i := 0; i < len(b); {
		n, err := c.token(b[i:])
		if err != nil {
			return fmt.Errorf("at byte %d: %w", i, err)
		}
		i += n
	}
	return nil
}

// token looks at the token at the start of b and returns its length.
func (c *checker) token(b []byte) (int, error) {
	switch b[0] {
	case '{', '[':
		return 1, c.open(b[0] == '{')
	case '}', ']':
		c.stack = c.stack[:len(c.stack)-1]
		c.valueDone()
		return 1, nil
	case '"':
		n := stringEnd(b)
		if top := len(c.stack) - 1; top >= 0 && c.stack[top].wantKey {
			c.stack[top].wantKey = false
			return n, c.stack[top].key(b[:n])
		}
		c.valueDone()
		return n, nil
	case 'n':
		if c.limits.RefuseNull {
			return 0, errors.New("null")
		}
	case ' ', '\t', '\n', '\r', ',', ':':
		return 1, nil
	}
	n := 1
	for n < len(b) && !delimits(b[n]) {
		n++
	}
	c.valueDone()
	return n, nil
}

// delimits reports whether x ends a number or a word.
func delimits(x byte) bool {
	switch x {
	case ' ', '\t', '\n', '\r', ',', ':', '}', ']', '{', '[', '"':
		return true
	}
	return false
}

// stringEnd returns the length of the string at the start of b, quotes included.
func stringEnd(b []byte) int {
	for i := 1; ; i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

func (c *checker) open(object bool) error {
	if len(c.stack) == c.limits.Depth {
		return fmt.Errorf("nested deeper than %d", c.limits.Depth)
	}
	t := c.root
	if n := len(c.stack); n > 0 {
		t = c.stack[n-1].next
	}
	l := level{shape: shapeOf(t), object: object, wantKey: object}
	if l.shape != nil {
		l.next = l.shape.elem
	}
	c.stack = append(c.stack, l)
	return nil
}

// key takes the next key of an object, a JSON string.
func (l *level) key(text []byte) error {
	if l.shape != nil {
		if f, ok := l.shape.exact[string(text[1:len(text)-1])]; ok && f.number < 64 {
			if l.known&(1<<f.number) != 0 {
				return fmt.Errorf("key %.200s twice", text)
			}
			l.known |= 1 << f.number
			l.next = f.typ
			return nil
		}
	}
	var k string
	if err := json.Unmarshal(text, &k); err != nil {
		return err
	}
	return l.otherKey(k)
}

// otherKey takes a key that is not written as the name of a known field.
func (l *level) otherKey(k string) error {
	f := Fold(k)
	if other, ok := l.keys[f]; ok {
		if other == k {
			return fmt.Errorf("key %.200q twice", k)
		}
		return fmt.Errorf("keys %.200q and %.200q differ only in case", other, k)
	}
	if l.keys == nil {
		l.keys = map[string]string{}
	}
	l.keys[f] = k
	l.next = nil
	if l.shape == nil {
		return nil
	}
	if l.shape.fields == nil {
		l.next = l.shape.elem
		return nil
	}
	field, ok := l.shape.fields[f]
	if !ok {
		return nil
	}
	if field.name != k {
		return fmt.Errorf("key %.200q differs only in case from %q", k, field.name)
	}
	l.next = field.typ
	if field.number < 64 { // written with escapes
		if l.known&(1<<field.number) != 0 {
			return fmt.Errorf("key %.200q twice", k)
		}
		l.known |= 1 << field.number
	}
	return nil
}

func (c *checker) valueDone() {
	if n := len(c.stack); n > 0 {
		c.stack[n-1].wantKey = c.stack[n-1].object
	}
}
