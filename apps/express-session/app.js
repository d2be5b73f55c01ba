// A small application as express-session's documentation builds one: sessions in memory, a new id at sign-in, and two ways
// to sign out. usage: app.js PORT
'use strict';

const crypto = require('node:crypto');
const express = require('express');
const session = require('express-session');

const passwords = { alice: 'alice-pass-1', bob: 'bob-pass-1' };

const app = express();
app.disable('x-powered-by');
app.use(session({ secret: crypto.randomBytes(32).toString('hex'), resave: false, saveUninitialized: true }));
app.use(express.urlencoded({ extended: false }));

// A "remember me" cookie signs its user in wherever nobody is, with a new session id.
const sealingKey = crypto.randomBytes(32);
const seal = (user) => `${user}.${crypto.createHmac('sha256', sealingKey).update(user).digest('hex')}`;
app.use((req, res, next) => {
  const [, cookie] = /(?:^|; *)remember=([^;]*)/.exec(req.headers.cookie || '') || [];
  const user = Object.keys(passwords).find((name) => cookie === seal(name));
  if (!user || req.session.user) { next(); return; }
  req.session.regenerate((err) => {
    if (!err) req.session.user = user;
    next(err);
  });
});

// page answers with a page that names the user and says how many pages this session has seen.
function page(req, res, title) {
  req.session.pages = (req.session.pages || 0) + 1;
  const user = req.session.user ? `Signed in as <b id="user">${req.session.user}</b>` : 'Not signed in';
  res.send(`<!doctype html><title>${title}</title><p>${user}</p><p id="pages">${req.session.pages}</p>`);
}

function signedIn(req, res, next) {
  if (req.session.user) next();
  else res.redirect('/login');
}

app.get('/', (req, res) => page(req, res, 'Home'));
app.get('/account', signedIn, (req, res) => page(req, res, 'Account'));
app.get('/orders/:number', signedIn, (req, res) => page(req, res, 'Order'));
app.get('/login', (req, res) => page(req, res, 'Sign in'));

// Who is signed in, for scripts of the pages. It reads the session and doesn't write it.
app.get('/me', (req, res) => res.json({ user: req.session.user ? { id: req.session.user } : null }));

app.post('/login', (req, res, next) => {
  const { user, password } = req.body;
  if (!Object.hasOwn(passwords, user) || passwords[user] !== password) {
    res.status(403);
    page(req, res, 'Wrong password');
    return;
  }
  req.session.regenerate((err) => {
    if (err) { next(err); return; }
    req.session.user = user;
    if (req.body.remember) res.cookie('remember', seal(user), { httpOnly: true });
    req.session.save((err) => (err ? next(err) : res.redirect('/account')));
  });
});

// Signs out and begins another session, whose cookie comes with this answer.
app.post('/logout', (req, res, next) => {
  req.session.user = null;
  req.session.save((err) => {
    if (err) { next(err); return; }
    req.session.regenerate((err) => (err ? next(err) : res.redirect('/')));
  });
});

// Signs out and says so in no cookie: the browser keeps the old one until the next page gives it another.
app.post('/logout/quiet', (req, res, next) => {
  req.session.destroy((err) => (err ? next(err) : res.redirect('/')));
});

// Signs a user out everywhere, as an operator would.
app.post('/expel', signedIn, (req, res, next) => {
  req.sessionStore.all((err, sessions) => {
    if (err) { next(err); return; }
    for (const [id, found] of Object.entries(sessions)) {
      if (found.user === req.body.user) req.sessionStore.destroy(id);
    }
    res.redirect('/account');
  });
});

app.listen(Number(process.argv[2]), '127.0.0.1');
