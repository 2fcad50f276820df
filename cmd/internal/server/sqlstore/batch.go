package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Limits of a batch.
const (
	maxBatch  = 64
	batchTime = 30 * time.Second // a database that takes longer has failed
)

// errClosed says that the store was closed before a change began.
var errClosed = errors.New("the registry is shutting down")

// sequencer does all changes of this process, one after the other. Those that come while
// it works wait and then share one transaction, so that they wait for one sync of the
// disk; of those a change that fails is undone alone.
type sequencer struct {
	db      *sql.DB
	begin   []string // statements at the beginning of a transaction
	session *session // of the loop
	queue   chan *job
	once    sync.Once     // of close
	quit    chan struct{} // closed by close
	done    chan struct{} // closed when nothing runs any more
}

// job is one change.
type job struct {
	ctx  context.Context // of who waits
	run  func(context.Context, querier) (keep bool, err error)
	keep bool
	err  error
	done chan struct{}
}

func newSequencer(db *sql.DB, begin []string) *sequencer {
	q := &sequencer{db: db, begin: begin, queue: make(chan *job, maxBatch), quit: make(chan struct{}), done: make(chan struct{})}
	go q.loop()
	return q
}

// do runs a change and returns when it is durable, or its error, which has changed nothing.
// The change reports whether there is anything to keep. It may not wait for anything but
// the database. A ctx that ends before the change begins stops it.
func (q *sequencer) do(ctx context.Context, run func(context.Context, querier) (keep bool, err error)) error {
	j := &job{ctx: ctx, run: run, done: make(chan struct{})}
	select {
	case <-q.quit:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	case q.queue <- j:
	}
	select {
	case <-j.done:
		return j.err
	case <-q.done: // it may have been the last one, or come too late
		select {
		case <-j.done:
			return j.err
		default:
			return errClosed
		}
	}
}

// close waits for the changes that have begun. Later ones get errClosed.
func (q *sequencer) close() {
	q.once.Do(func() { close(q.quit) })
	<-q.done
}

func (q *sequencer) loop() {
	defer close(q.done)
	defer func() {
		if q.session != nil {
			q.session.close()
		}
	}()
	for {
		select {
		case <-q.quit:
			return
		case j := <-q.queue:
			q.runBatch(q.more(j))
		}
	}
}

// more takes what waits behind the first job.
func (q *sequencer) more(first *job) []*job {
	batch := []*job{first}
	for len(batch) < maxBatch {
		select {
		case j := <-q.queue:
			batch = append(batch, j)
		default:
			return batch
		}
	}
	return batch
}

// runBatch does jobs in one transaction and tells those who wait.
func (q *sequencer) runBatch(batch []*job) {
	ctx, cancel := context.WithTimeout(context.Background(), batchTime)
	defer cancel()
	err := q.transact(ctx, batch)
	for _, j := range batch {
		if err != nil && j.err == nil {
			j.err = err
		}
		close(j.done)
	}
}

func (q *sequencer) transact(ctx context.Context, batch []*job) (err error) {
	if q.session == nil {
		if q.session, err = newSession(ctx, q.db); err != nil {
			return err
		}
	}
	keep, err := q.changes(ctx, batch)
	switch {
	case err == nil && keep:
		_, err = q.session.ExecContext(ctx, `commit`)
	case err == nil:
		_, err = q.session.ExecContext(ctx, `rollback`)
	}
	if err != nil { // nobody knows in which state the connection is
		q.session.close()
		q.session = nil
	}
	return err
}

// changes begins a transaction and runs jobs in it. It reports whether there is anything to keep.
func (q *sequencer) changes(ctx context.Context, batch []*job) (keep bool, err error) {
	for _, query := range q.begin {
		if _, err := q.session.ExecContext(ctx, query); err != nil {
			return false, err
		}
	}
	for _, j := range batch {
		if err := j.within(ctx, q.session); err != nil {
			return false, err
		}
		keep = keep || j.keep
	}
	return keep, nil
}

// within runs a job in a part of the transaction that can be undone. It returns an error
// that concerns the whole transaction; the job has its own.
func (j *job) within(ctx context.Context, tx querier) error {
	if j.err = j.ctx.Err(); j.err != nil {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `savepoint job`); err != nil {
		return err
	}
	if j.keep, j.err = j.run(ctx, tx); j.err != nil || !j.keep {
		j.keep = false
		if _, err := tx.ExecContext(ctx, `rollback to savepoint job`); err != nil {
			return fmt.Errorf("%w, after %w", err, j.err)
		}
	}
	_, err := tx.ExecContext(ctx, `release savepoint job`)
	return err
}
