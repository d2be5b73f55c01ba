#!/usr/bin/env python3
"""Rails' cookie store: another cookie with every answer, too long for a token, forgery protection, logout, replay.  usage: drive.py BASE_URL [visit]"""
import os, sys; sys.dont_write_bytecode = True; sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from drivelib import *

def token(c): return find(r'name="authenticity_token" value="([^"]+)"', c.get("/").text, "token")

def login(c, user, pw): return c.post("/login", {"user": user, "password": pw, "authenticity_token": token(c)}, expect="?")

def whoami(c, **kw):
    m = re.search(r'<b id="user">([^<]+)</b>', c.get("/", **kw).text); return m and m.group(1)

def basket(c): return int(find(r'<p id="basket">(\d+)</p>', c.get("/account").text, "basket"))

def cookie(c): return "_legacy_session=" + c.jar["_legacy_session"]

def run(browser):
    a = browser("a"); b = browser("b")
    r = a.get("/account"); check(r.status == 302 and r.header("Location").endswith("/login"), "anonymous is sent to login")
    r = login(a, "alice", "wrong"); check(r.status == 403, "wrong password: 403"); s0 = cookie(a)
    r = a.post("/login", {"user": "alice", "password": "alice-pass-1"}); check(r.status == 422, "without the page's token: refused")
    r = login(a, "alice", "alice-pass-1"); check(r.status == 302, "login redirects"); s1 = cookie(a); a.expect = "alice"
    check(whoami(a) == "alice", "the page names alice"); check(cookie(a) != s1, "and changes the cookie")
    for _ in range(4): check(whoami(a) == "alice", "still alice")
    check(len(cookie(a)) > 256, "a cookie of over 256 bytes")
    s2 = cookie(a); check(a.get("/me").text == '{"user":{"id":"alice"}}' and cookie(a) != s2, "so says the page for scripts, and changes the cookie too")
    login(b, "bob", "bob-pass-1"); b.expect = "bob"; check(whoami(b) == "bob", "second browser is bob"); check(whoami(a) == "alice", "first is still alice")
    check(whoami(b, raw_cookie=s0, expect="-") is None, "a cookie from before the login is anonymous")
    check(whoami(b, raw_cookie=s1, expect="alice") == "alice", "an old one of alice's is as good as the newest: nothing is kept on the application's side")
    check(whoami(a, headers={"User-Agent": "another", "Accept-Language": "de"}) == "alice", "another User-Agent and language: still alice")
    for n in range(3): check(a.post("/basket", {"thing": str(n) * 50, "authenticity_token": token(a)}).status == 302, "alice buys"); check(basket(a) == n + 1, "nothing is lost")
    check(a.req("HEAD", "/account").status == 200 and whoami(a) == "alice", "HEAD")
    # account switch, logout
    login(a, "bob", "bob-pass-1"); a.expect = "bob"; check(whoami(a) == "bob", "login over a live session: the same browser is now bob"); check(basket(a) == 0, "with an empty basket")
    t = token(a); last = cookie(a); r = a.post("/logout", {"authenticity_token": t}, expect="?"); check(r.status == 302, "logout"); a.expect = "-"
    print("  note the cookie %s at logout" % ("has gone" if "_legacy_session" not in a.jar else "stays" if cookie(a) == last else "changes"))
    check(whoami(a) is None, "anonymous again"); check(whoami(a, raw_cookie=last, expect="bob") == "bob", "the application itself lets the logged-out cookie in again")
    check(whoami(a, raw_cookie=last[:-8] + "AAAAAA%3D%3D", expect="-") is None, "a cookie with another signature is anonymous")
    login(a, "alice", "alice-pass-1"); a.expect = "alice"; check(whoami(a) == "alice", "login straight after logout")
    r = a.get("/goodbye", expect="?"); check(r.status == 302, "logout by a link"); a.expect = "-"; check(whoami(a) is None, "anonymous again")
    login(a, "bob", "bob-pass-1"); a.expect = "bob"; check(whoami(a) == "bob", "and bob")
    check(whoami(b) == "bob", "bob's other session is untouched")

def visit(c):
    login(c, "alice", "alice-pass-1"); c.expect = "alice"
    for _ in range(15):
        yield "/"; yield "/account"

main(run, r"^_legacy_session$", visit)
