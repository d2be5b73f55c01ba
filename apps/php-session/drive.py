#!/usr/bin/env python3
"""PHP sessions whose id outlives sign-in, account switch and sign-out.  usage: drive.py BASE_URL [visit]"""
import os, sys; sys.dont_write_bytecode = True; sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from drivelib import *

def login(c, user, pw): return c.post("/login.php", {"user": user, "password": pw}, expect="?")

def whoami(c, **kw):
    m = re.search(r'<b id="user">([^<]+)</b>', c.get("/", **kw).text); return m and m.group(1)

def pages(c): return int(find(r'<p id="pages">(\d+)</p>', c.get("/account.php").text, "count"))

def cookie(c): return "PHPSESSID=" + c.jar["PHPSESSID"]

def run(browser):
    a = browser("a"); b = browser("b")
    r = a.get("/account.php"); check(r.status == 302 and r.header("Location") == "/login.php", "anonymous is sent to login"); s = cookie(a)
    check(whoami(a) is None, "anonymous")
    r = login(a, "alice", "wrong"); check(r.status == 403, "wrong password: 403")
    r = login(a, "alice", "alice-pass-1"); check(r.status == 302 and cookie(a) == s, "login keeps the id"); a.expect = "alice"
    check(whoami(a) == "alice", "the page names alice"); n = pages(a); check([pages(a) for _ in range(4)] == [n + 1, n + 2, n + 3, n + 4], "the session counts pages")
    check(a.get("/whoami.php").text == '{"user":"alice"}', "so does the page for scripts")
    login(b, "bob", "bob-pass-1"); b.expect = "bob"; check(whoami(b) == "bob", "second browser is bob"); check(whoami(a) == "alice", "first is still alice")
    check(whoami(a, headers={"User-Agent": "another", "Accept-Language": "de"}) == "alice", "another User-Agent and language: still alice")
    # the same id, another user
    r = login(a, "bob", "wrong"); check(r.status == 403, "a failed login"); check(whoami(a) == "alice", "leaves alice signed in")
    login(a, "bob", "bob-pass-1"); a.expect = "bob"; check(cookie(a) == s and whoami(a) == "bob", "login over a live session: the same id is now bob")
    # logout
    r = a.get("/logout.php", expect="?"); check(r.status == 302 and cookie(a) == s, "logout leaves the cookie alone"); a.expect = "-"
    check(whoami(a) is None, "but it is anonymous"); check(whoami(b) == "bob", "bob's other session is untouched")
    check(whoami(a, raw_cookie="PHPSESSID=nosuchsession0000000000000") is None, "an unknown id is anonymous")
    login(a, "alice", "alice-pass-1"); a.expect = "alice"; check(cookie(a) == s and whoami(a) == "alice", "login straight after logout, the same id once more")
    check(whoami(b) == "bob", "bob is still bob")
    # "remember me", in a browser where somebody has planted a session of his
    r = browser("r"); r.post("/login.php", {"user": "alice", "password": "alice-pass-1", "remember": "1"}, expect="?")
    e = browser("e"); e.get("/"); w = browser("w"); w.jar = {"PHPSESSID": e.jar["PHPSESSID"], "remember": r.jar["remember"]}
    check('id="user">alice<' in w.get("/").text and w.jar["PHPSESSID"] != e.jar["PHPSESSID"], "the remembered user is signed in, in another session than the planted one"); w.expect = "alice"
    check(whoami(w) == "alice", "alice goes on in it"); check(whoami(e) is None, "and whoever planted the other is anonymous")

def visit(c):
    login(c, "alice", "alice-pass-1"); c.expect = "alice"
    for _ in range(15):
        yield "/"; yield "/account.php"

main(run, r"^PHPSESSID$", visit)
