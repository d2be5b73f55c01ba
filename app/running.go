package app

import (
	"context"
	"slices"
	"sync"
	"time"
)

// runningApps are the apps of the configurations that have started, the newest last.
type runningApps struct {
	mutex    sync.Mutex
	apps     []*App
	starting map[*App]chan struct{} // those of configurations that are being loaded; closed when that is decided
}

// running finds the live app for the admin API, whose routes Caddy provisions apart from the apps.
var running runningApps

// announce tells of an app that is going to start, or to be cleaned up.
func (r *runningApps) announce(app *App) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.starting == nil {
		r.starting = make(map[*App]chan struct{})
	}
	r.starting[app] = make(chan struct{})
}

func (r *runningApps) add(app *App) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.apps = append(r.apps, app)
	r.decide(app)
}

func (r *runningApps) remove(app *App) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.decide(app)
	for i, other := range r.apps {
		if other == app {
			r.apps = append(r.apps[:i:i], r.apps[i+1:]...)
			return
		}
	}
}

// decide lets the requests go on that wait for an app. The mutex is held.
func (r *runningApps) decide(app *App) {
	if decided := r.starting[app]; decided != nil {
		close(decided)
		delete(r.starting, app)
	}
}

// awaited returns a channel that is closed when it is known whether an app starts. It returns nil if no app is going to.
func (r *runningApps) awaited() <-chan struct{} {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, decided := range r.starting {
		return decided
	}
	return nil
}

// AllRunning returns the apps of the configurations that have started, the newest last. There are two during a reload.
func AllRunning() []*App { return running.all() }

// all returns the apps, the newest last.
func (r *runningApps) all() []*App {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return slices.Clone(r.apps)
}

// newest returns the app of the configuration that started last, or nil.
func (r *runningApps) newest() *App {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if len(r.apps) == 0 {
		return nil
	}
	return r.apps[len(r.apps)-1]
}

// startPatience is how long a request waits for the first configuration.
const startPatience = 10 * time.Second

// Running returns the app of the running configuration, or nil. Caddy answers on the admin endpoint, and for the sites,
// before all of its first configuration has started. A request that comes so early waits, as a request for the configuration
// itself does.
func Running(ctx context.Context) *App {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		decided := running.awaited() // first, so that an app that starts meanwhile is not missed
		if app := running.newest(); app != nil || decided == nil {
			return app
		}
		select {
		case <-decided:
		case <-ctx.Done():
			return nil
		}
	}
}
