package redisstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// settings is how a place is opened.
type settings struct {
	server  rueidis.ClientOption
	prefix  string
	timeout time.Duration // for one call of the server
	// replicas is how many replicas of the server must have a write to the journal before it is acknowledged.
	replicas int
	// dir is the directory of this gateway's own copy of the journal. It is created if need be.
	dir    string
	logger *zap.Logger
	now    func() time.Time
}

// Place is a store that several gateways share. Its methods are safe for concurrent use.
type Place struct {
	gate     *gate
	client   *client
	copy     *localCopy
	file     syncFile
	replica  *replica
	sessions *store
	notes    *notes
	files    *files
}

// openPlace opens this gateway's copy. It does not wait for the server.
func openPlace(s settings) (*Place, error) {
	local, err := openCopy(s.dir, s.logger)
	if err != nil {
		return nil, err
	}
	file, err := openSyncFile(filepath.Join(s.dir, "synced"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the copy of the blacklist in %q: %w", s.dir, err), local.close())
	}
	p := &Place{gate: newGate(), client: newClient(s.server, newKeys(s.prefix), s.timeout), copy: local, file: file}
	r := &replica{
		client: p.client, copy: local, file: file, logger: s.logger, now: s.now, replicas: s.replicas,
		gateway: newIdentity(s.now()), standing: newStanding(),
	}
	synced, latest := file.read(s.now())
	r.link.sync(synced)
	r.latest.Store(latest)
	p.client.exchanged = r.distrust
	p.replica, p.sessions = r, &store{client: p.client, known: r}
	p.notes, p.files = &notes{client: p.client}, newFiles(p.client, signature(r.gateway.id, 0), logLua)
	r.files, r.restore = p.files.known, p.files.restore
	return p, nil
}

// Sessions implements [storage.Place].
func (p *Place) Sessions() sessions.Store { return p.sessions }

// Journal implements [storage.Place]. It is a [blacklist.SharedJournal].
func (p *Place) Journal() blacklist.Journal { return journal{p.replica, p.gate} }

// Notes implements [storage.Shared].
func (p *Place) Notes() storage.Notes { return p.notes }

// Files implements [storage.Shared].
func (p *Place) Files() storage.Files { return p.files }

// Position implements [storage.Shared].
func (p *Place) Position() uint64 { return p.replica.position() }

// Link implements [storage.Shared].
func (p *Place) Link() storage.Link { return p.replica.link.state() }

// Follow implements [storage.Shared]. It returns when ctx is done or the place is closed.
func (p *Place) Follow(ctx context.Context, follower storage.Follower) {
	ctx, leave, err := p.gate.enter(ctx)
	if err != nil {
		return
	}
	defer leave()
	p.replica.follow(ctx, follower)
}

// CatchUp implements [storage.Shared].
func (p *Place) CatchUp(ctx context.Context) error {
	ctx, leave, err := p.gate.enter(ctx)
	if err != nil {
		return unavailable(blacklist.ErrUnavailable, "asking for what other gateways have written", err)
	}
	defer leave()
	return p.replica.catchUp(ctx)
}

// Gateways implements [storage.Shared].
func (p *Place) Gateways(ctx context.Context) ([]storage.Gateway, error) {
	ctx, leave, err := p.gate.enter(ctx)
	if err != nil {
		return nil, unavailable(blacklist.ErrUnavailable, "reading the list of gateways", err)
	}
	defer leave()
	return p.replica.gateways(ctx)
}

// Close implements [storage.Place]. It ends Follow, takes this gateway off the list, saves what others have written, and closes
// the connections.
func (p *Place) Close() error {
	p.gate.close()
	if p.client.joined() != "" {
		ctx, cancel := context.WithTimeout(context.Background(), beatEvery)
		_ = p.replica.signOff(ctx) // else the others see for an hour that it is silent
		cancel()
	}
	synced := p.replica.link.state().Synced
	err := p.copy.close()
	if err == nil {
		p.file.write(synced, p.replica.latest.Load())
	}
	p.client.close()
	return errors.Join(err, p.file.close())
}

// Interface guards.
var (
	_ storage.Place           = (*Place)(nil)
	_ storage.Shared          = (*Place)(nil)
	_ blacklist.SharedJournal = journal{}
	_ known                   = (*replica)(nil)
)
