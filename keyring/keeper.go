package keyring

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Path is where the file of keys is in the storage. It is not below jwt_session/: where Caddy's storage is its data
// directory, that is the directory of the store, which must be empty to begin with, and who moved a damaged store away would
// move the keys away as well.
const Path = "jwt_session_keys.json"

const (
	// readEvery is how often the file is read.
	readEvery = 10 * time.Second

	// timeout bounds one reading or one change of the file, the wait for another gateway that changes it included.
	timeout = 30 * time.Second
)

// Storage keeps the file of keys. Load returns an error that is [fs.ErrNotExist] if there is no such file. Store replaces the
// whole file or nothing. Lock excludes all others that use the storage. Caddy's storage implements it, and so do the files of a
// store that gateways share.
type Storage interface {
	Lock(ctx context.Context, name string) error
	Unlock(ctx context.Context, name string) error
	Load(ctx context.Context, key string) ([]byte, error)
	Store(ctx context.Context, key string, value []byte) error
}

// Options are the options of a [Keeper]. All of them but Place, Copy, Report and Changed are required.
type Options struct {
	// Algorithm is the algorithm of new keys.
	Algorithm validator.Algorithm
	// RotateEvery is how long a key signs before the next one does.
	RotateEvery time.Duration
	// KeyDelay is how long before it signs a new key is published. It is less than RotateEvery.
	KeyDelay time.Duration
	// TokenLifetime is the longest lifetime of the tokens that this gateway mints.
	TokenLifetime time.Duration

	// Place names the storage in errors. Default: "Caddy's storage".
	Place string
	// Copy is for a storage that may be out of reach, or lose what it has, such as a server that several gateways use. A copy of
	// the file is kept there. The gateway can start with the copy, or with no keys at all, while the storage is out of reach, and
	// gives back what the storage has lost. If Copy is nil, there is no copy, and the gateway starts with the storage alone.
	Copy Storage

	// Now returns the time.
	Now func() time.Time
	// Report is called with every error of the work in the background. The gateway goes on with the keys that it has.
	Report func(error)
	// Changed is called with every change after it is in force here. It may block the background work and the request that
	// made the change, and no other request.
	Changed func(Change)
}

// ErrMissing is returned, wrapped, if the file of keys has gone. A running gateway goes on with the keys that it has.
var ErrMissing = errors.New("it has gone")

// Keeper keeps the keys of one gateway in step with the storage. Its methods are safe for concurrent use.
type Keeper struct {
	storage Storage
	options Options
	ring    *validator.KeyRing

	changing sync.Mutex // held while the file is changed, so that one of this process does not wait for the lock of another
	reread   reread
	wake     chan struct{} // has one if the file is to be read at once
	uncopied chan struct{} // has one if the copy is to be brought up to date at once

	mutex   sync.Mutex
	known   known
	begun   uint64 // counts readings of the file, in the order in which they began
	applied uint64 // the one that known is of
	plan    plan   // what it amounts to
	untold  []Change
}

// known is the file as it was read the last time that it could be understood.
type known struct {
	text  []byte // nil: the storage has no file
	file  file
	keys  map[string]validator.Key
	lacks bool // the storage has lost a part of this, which is to be written again
}

// Open reads the keys and returns their keeper. It makes the first key if there is no file, and writes the durations that
// this gateway needs into the file. The error names the file.
//
// If there is a place for a copy, the keeper may have the keys of the copy, or none as yet. [Keeper.Run] then reads or makes them as
// soon as the storage answers.
func Open(ctx context.Context, storage Storage, options Options) (*Keeper, error) {
	if options.Report == nil {
		options.Report = func(error) {}
	}
	if options.Changed == nil {
		options.Changed = func(Change) {}
	}
	options.Place = cmp.Or(options.Place, "Caddy's storage")
	k := &Keeper{
		storage: storage, options: options, ring: new(validator.KeyRing),
		wake: make(chan struct{}, 1), uncopied: make(chan struct{}, 1),
	}
	k.reread.read, k.reread.after = k.read, k.tellOf
	ctx = context.WithoutCancel(ctx) // of the configuration: what is begun is finished
	defer k.tell()
	if options.Copy != nil {
		return k, k.openShared(ctx)
	}
	err := k.read(ctx)
	if err != nil && !errors.Is(err, ErrMissing) {
		return nil, err
	}
	if err != nil || k.hasToWrite() {
		if _, err := k.change(ctx, Published, k.begin); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// Ring returns the ring that always holds the current keys.
func (k *Keeper) Ring() *validator.KeyRing { return k.ring }

// Keys returns the current keys: the one that signs, and then the others from the newest to the oldest.
func (k *Keeper) Keys() []Info {
	k.progress()
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.plan.infos(k.options.Now())
}

// Run keeps the keys up to date until ctx is done. It reads the file every 10 seconds, whenever something changes by the clock, and
// after [Keeper.Wake].
func (k *Keeper) Run(ctx context.Context) {
	var copying sync.WaitGroup
	defer copying.Wait()
	if k.options.Copy != nil {
		copying.Go(func() { k.keepCopy(ctx) })
	}
	for {
		k.tick(ctx)
		timer := time.NewTimer(k.pause())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-k.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// Wake has [Keeper.Run] read the file at once, since another gateway may have changed it. It waits for nothing.
func (k *Keeper) Wake() { signal(k.wake) }

func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// minPause keeps a gateway whose changes fail from trying them without a pause.
const minPause = 50 * time.Millisecond

// emptyPause is how often a gateway tries that has no keys yet.
const emptyPause = time.Second

// pause returns how long nothing has to be done.
func (k *Keeper) pause() time.Duration {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	pause := readEvery
	if len(k.plan.keys) == 0 {
		pause = emptyPause
	}
	if !k.plan.next.IsZero() {
		pause = min(pause, k.plan.next.Sub(k.options.Now()))
	}
	return max(pause, minPause)
}

// tick does what is to be done now.
func (k *Keeper) tick(ctx context.Context) {
	k.progress() // by what is known, before the storage may keep us waiting
	edit := k.renew
	if k.mayBegin() {
		edit = k.begin
	}
	err := k.read(ctx)
	isFirst := errors.Is(err, ErrMissing) && k.mayBegin()
	if err == nil && k.hasToWrite() || isFirst {
		_, err = k.change(ctx, Published, edit)
	}
	if ctx.Err() != nil {
		err = nil // the gateway goes
	}
	k.tellOf(err)
}

// Read reads the file and puts its keys in force. It returns an error and passes it to [Options.Report] as well.
func (k *Keeper) Read(ctx context.Context) error {
	err := k.read(ctx)
	if err != nil && ctx.Err() == nil {
		k.options.Report(err)
	}
	k.tell()
	return err
}

// read reads the file and puts its keys in force. It reports nothing and tells nobody.
func (k *Keeper) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	reading := k.nextReading()
	loaded, err := k.load(ctx)
	if err != nil {
		return err
	}
	return k.apply(reading, loaded)
}

// Reread reads the file because a token has an unknown key id, and reports whether the token is to be verified again. It
// begins at most one reading a second, however many such tokens come. Requests that come during the reading wait for it too,
// for a short time. If Reread returns false, the key is not known.
func (k *Keeper) Reread(ctx context.Context) bool {
	return k.reread.wait(ctx, k.options.Now())
}

// Close waits for the last reading that a request began. No reading begins afterwards. The keys stay in the ring, because
// requests may still be under way.
func (k *Keeper) Close() { k.reread.close() }

func (k *Keeper) nextReading() uint64 {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.begun++
	return k.begun
}

// memory returns what is known of the file.
func (k *Keeper) memory() known {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.known
}

// load reads the file and its keys. What a storage has lost of which there is a copy is in the result all the same.
func (k *Keeper) load(ctx context.Context) (known, error) {
	last := k.memory()
	loaded, err := loadFrom(ctx, k.storage, k.options.Place, last)
	if k.options.Copy == nil {
		return loaded, err
	}
	return k.regained(loaded, err, last)
}

// loadFrom reads the file of a storage and its keys. It returns what is known already if that is what the file says.
func loadFrom(ctx context.Context, storage Storage, place string, last known) (known, error) {
	text, err := storage.Load(ctx, Path)
	if errors.Is(err, fs.ErrNotExist) {
		return known{}, fmt.Errorf("reading %s from %s: %w; put it back, or make an emergency change of keys: "+
			"a new key is made, and every token counts no more", Path, place, ErrMissing)
	}
	if err != nil {
		return known{}, fmt.Errorf("reading %s from %s: %w", Path, place, err)
	}
	if last.text != nil && bytes.Equal(text, last.text) { // an empty file is not the one before the first
		return last, nil
	}
	loaded := known{text: bytes.Clone(text)}
	if loaded.file, err = readFile(text); err == nil {
		loaded.keys, err = loaded.file.load(last)
	}
	if err != nil {
		return known{}, fmt.Errorf("reading %s from %s: %w; if it is beyond repair, make an emergency change of keys, "+
			"or remove it and start again: a new key is made, and every token counts no more", Path, place, err)
	}
	return loaded, nil
}

// apply puts a reading in force, unless a later one is in force already: a slow one must not bring back what has been
// dropped meanwhile.
func (k *Keeper) apply(reading uint64, loaded known) error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if reading <= k.applied {
		return nil
	}
	if !bytes.Equal(k.known.text, loaded.text) {
		signal(k.uncopied)
	}
	k.applied, k.known = reading, loaded
	return k.advance()
}

// progress puts in force what has changed by the clock.
func (k *Keeper) progress() {
	k.mutex.Lock()
	err := k.advance()
	k.mutex.Unlock()
	k.tellOf(err)
}

// advance fills the ring with what the known file amounts to now. The mutex is held.
func (k *Keeper) advance() error {
	last, next := k.plan, k.planOf(k.known.file, k.options.Now())
	if slices.EqualFunc(last.keys, next.keys, entry.isSameKey) {
		k.plan = next
		return nil
	}
	keys := make([]validator.Key, len(next.keys))
	for i, entry := range next.keys {
		keys[i] = k.known.keys[entry.ID]
	}
	set, err := validator.NewKeySet(keys...)
	if err != nil {
		return err
	}
	k.ring.Set(set)
	k.plan = next
	if len(last.keys) > 0 && last.keys[0].ID != next.keys[0].ID {
		k.untold = append(k.untold, Change{Kind: Signing, Key: next.info(next.keys[0], k.options.Now())})
	}
	return nil
}

func (k *Keeper) planOf(f file, now time.Time) plan {
	return planOf(f, k.options.Algorithm, k.options.RotateEvery, k.options.KeyDelay, now)
}

// tellOf passes an error on, if there is one, and tells of the changes that are in force.
func (k *Keeper) tellOf(err error) {
	if err != nil {
		k.options.Report(err)
	}
	k.tell()
}

// tell tells of the changes that are in force. No lock is held while it does.
func (k *Keeper) tell() {
	k.mutex.Lock()
	changes := k.untold
	k.untold = nil
	k.mutex.Unlock()
	for _, change := range changes {
		k.options.Changed(change)
	}
}

// hasToWrite reports whether the file lacks something of this gateway.
func (k *Keeper) hasToWrite() bool {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.plan.due || k.known.lacks || !k.known.file.isRaised(k.options)
}
