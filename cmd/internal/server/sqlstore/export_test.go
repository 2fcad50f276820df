package sqlstore

// BeforeDelete calls f before a collection deletes an object.
func (s *Store) BeforeDelete(f func(key string)) { s.beforeDelete = f }
