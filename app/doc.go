// Package app is the Caddy app `jwt_session`: what all handlers of a configuration share. That is the store of active
// sessions, the list of what was ended and revoked, the keys, the identity providers and the clock.
//
// A handler finds the app with [Of] while it is provisioned. It tells the app about itself with a [Site], a [SignInNames] or
// a [StateNames], has functions called at start with [App.OnStart], and shares what it makes with [Shared]. A request asks
// [App.CoreForRequest] for the store and the keys. The admin API, which belongs to no configuration, asks [Running].
//
// These hold throughout:
//
//   - Provisioning opens and creates nothing, so that a configuration can be checked beside a running server.
//     [App.Start] or the first request opens the store, whichever comes first.
//   - The store is leased. Configurations that name the same place share one open store, which closes when the last of them
//     gives its lease back. A reload therefore never closes the store, and a refused configuration leaves it alone.
//   - A gateway that shares its store with others starts without it. It may then have no keys yet, so that
//     [App.CoreForRequest] fails until it has. What the others change of the keys, it reads at once.
//   - A reload takes nothing away from a request that is under way. A [Core] never changes, and [App.Stop] does nothing.
//   - Names refuses what can't stand together, such as a session cookie that is another realm's token cookie. It is complete
//     once the configuration is provisioned.
//   - The app knows facts of the handlers, and not the handlers: neither it nor a package that it imports imports one.
//   - The fields of App are the options of the configuration. All others are unexported, since Caddy would read an exported
//     one from JSON.
package app
