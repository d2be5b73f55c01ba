"""A small application on Flask's own sessions: all of the session is in the cookie, signed, and every answer sets another.
usage: app.py PORT"""
import hashlib, hmac, secrets, sys
from flask import Flask, abort, jsonify, redirect, request, session

PASSWORDS = {"alice": "alice-pass-1", "bob": "bob-pass-1"}

app = Flask(__name__)
app.config.update(SECRET_KEY=secrets.token_hex(32), SESSION_REFRESH_EACH_REQUEST=True, SESSION_COOKIE_SAMESITE="Lax")

@app.before_request
def count():
    session.permanent = True
    session["requests"] = session.get("requests", 0) + 1
    session["nonce"] = secrets.token_hex(8)  # no two cookies are equal, as with Rails, which encrypts them

# A "remember me" cookie signs its user in wherever nobody is.
def seal(user): return user + "." + hmac.new(app.config["SECRET_KEY"].encode(), user.encode(), hashlib.sha256).hexdigest()

@app.before_request
def remembered():
    cookie = request.cookies.get("remember", "")
    if "user" not in session and any(hmac.compare_digest(cookie, seal(user)) for user in PASSWORDS):
        session["user"] = cookie.partition(".")[0]

def page(title, status=200):
    user = session.get("user")
    return ('<!doctype html><title>%s</title><p>%s</p><p id="requests">%d</p><p id="basket">%s</p>' % (
        title, 'Signed in as <b id="user">%s</b>' % user if user else "Not signed in", session["requests"],
        " ".join(item[:8] for item in session.get("basket", [])))), status

@app.get("/")
def home(): return page("Home")

@app.get("/account")
def account(): return page("Account") if "user" in session else redirect("/login")

@app.get("/login")
def form(): return page("Sign in")

@app.get("/me")
def me(): return jsonify(user={"id": session["user"]} if "user" in session else None)

@app.post("/login")
def login():
    user = request.form.get("user")
    if user not in PASSWORDS or PASSWORDS[user] != request.form.get("password"): return page("Wrong password", 403)
    session.clear(); count(); session["user"] = user
    response = redirect("/account")
    if "remember" in request.form: response.set_cookie("remember", seal(user), httponly=True)
    return response

# Long things in the basket make a long cookie.
@app.post("/basket")
def add():
    if "user" not in session: abort(403)
    session["basket"] = session.get("basket", []) + ["%08d" % session["requests"] + secrets.token_hex(60)]
    return redirect("/account")

@app.post("/logout")
def logout():
    session.clear()
    return redirect("/")

app.run("127.0.0.1", int(sys.argv[1]), threaded=True)
