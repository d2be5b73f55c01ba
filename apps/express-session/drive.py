#!/usr/bin/env python3
"""express-session: a new id at login, two ways to log out, expulsion by somebody else.  usage: drive.py BASE_URL [visit]"""
import os, sys; sys.dont_write_bytecode = True; sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from drivelib import *

def login(c, user, pw): return c.post("/login", {"user": user, "password": pw}, expect="?")

def whoami(c, **kw):
    m = re.search(r'<b id="user">([^<]+)</b>', c.get("/", **kw).text); return m and m.group(1)

def pages(c): return int(find(r'<p id="pages">(\d+)</p>', c.get("/account").text, "count"))

def cookie(c): return "connect.sid=" + c.jar["connect.sid"]

def run(browser):
    a = browser("a"); b = browser("b")
    r = a.get("/account"); check(r.status == 302 and r.header("Location") == "/login", "anonymous is sent to login")
    s0 = cookie(a); check(s0, "with a session from the first page on")
    r = login(a, "alice", "wrong"); check(r.status == 403 and cookie(a) == s0, "wrong password: 403, the same session")
    r = login(a, "alice", "alice-pass-1"); check(r.status == 302 and cookie(a) != s0, "login gives a new id"); s1 = cookie(a); a.expect = "alice"
    check(whoami(a) == "alice", "the page names alice"); n = pages(a); check([pages(a) for _ in range(4)] == [n + 1, n + 2, n + 3, n + 4], "the session counts pages")
    check(a.get("/me").text == '{"user":{"id":"alice"}}' and cookie(a) == s1, "so does the page for scripts, and the id stays")
    login(b, "bob", "bob-pass-1"); b.expect = "bob"; check(whoami(b) == "bob", "second browser is bob"); check(whoami(a) == "alice", "first is still alice")
    check(whoami(b, raw_cookie=s0, expect="-") is None, "the id from before the login is anonymous")
    check(whoami(a, headers={"User-Agent": "another", "Accept-Language": "de"}) == "alice", "another User-Agent and language: still alice")
    # login over a live session
    login(a, "bob", "bob-pass-1"); check(cookie(a) != s1, "login over a live session gives another id"); a.expect = "bob"
    check(whoami(a) == "bob", "the same browser is now bob"); check(whoami(a, raw_cookie=s1, expect="-") is None, "the old id is dead")
    # logout that regenerates
    s2 = cookie(a); r = a.post("/logout", expect="?"); check(r.status == 302 and cookie(a) != s2, "logout sets the cookie of a fresh session"); a.expect = "-"
    check(whoami(a) is None, "anonymous again"); check(whoami(a, raw_cookie=s2, expect="-") is None, "the logged-out id replayed is anonymous")
    check(whoami(b) == "bob", "bob's other session is untouched")
    # logout that only destroys
    login(a, "alice", "alice-pass-1"); a.expect = "alice"; check(whoami(a) == "alice", "alice again")
    s3 = cookie(a); r = a.post("/logout/quiet", expect="?"); check(r.status == 302 and cookie(a) == s3, "the other logout leaves the cookie alone"); a.expect = "-"
    check(whoami(a) is None and cookie(a) != s3, "but its session is gone, and the next page sets another")
    check(whoami(a, raw_cookie=s3, expect="-") is None, "the dead id replayed is anonymous")
    r = a.req("GET", "/account", raw_cookie="connect.sid=s%3Anosuchsession0000000000000000000.forged", expect="-"); check(r.status == 302, "a forged id is anonymous")
    # the application ends a session that is not in this browser's hands
    login(a, "alice", "alice-pass-1"); a.expect = "alice"; check(a.post("/expel", {"user": "bob"}).status == 302, "alice expels bob")
    r = b.get("/account", expect="?"); check(r.status == 302 and r.header("Location") == "/login", "bob is out, no logout request of his own"); b.expect = "-"
    check(whoami(b) is None, "and anonymous"); check(whoami(a) == "alice", "alice is untouched")
    # "remember me", in a browser where somebody has planted a session of his
    r = browser("r"); r.post("/login", {"user": "alice", "password": "alice-pass-1", "remember": "1"}, expect="?")
    e = browser("e"); e.get("/"); w = browser("w"); w.jar = {"connect.sid": e.jar["connect.sid"], "remember": r.jar["remember"]}
    check('id="user">alice<' in w.get("/").text and w.jar["connect.sid"] != e.jar["connect.sid"], "the remembered user is signed in, in another session than the planted one"); w.expect = "alice"
    check(whoami(w) == "alice", "alice goes on in it"); check(whoami(e) is None, "and whoever planted the other is anonymous")

def visit(c):
    login(c, "alice", "alice-pass-1"); c.expect = "alice"
    for n in range(10):
        yield "/"; yield "/orders/%d" % n; yield "/account"

main(run, r"^connect\.sid$", visit)
