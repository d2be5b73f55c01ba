#!/usr/bin/env python3
"""Flask's cookie sessions: another cookie with every answer, short and long ones, logout, replay.  usage: drive.py BASE_URL [visit]"""
import os, sys; sys.dont_write_bytecode = True; sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from drivelib import *

def login(c, user, pw): return c.post("/login", {"user": user, "password": pw}, expect="?")

def whoami(c, **kw):
    m = re.search(r'<b id="user">([^<]+)</b>', c.get("/", **kw).text); return m and m.group(1)

def requests(c): return int(find(r'<p id="requests">(\d+)</p>', c.get("/account").text, "count"))

def cookie(c): return "session=" + c.jar["session"]

def run(browser):
    a = browser("a"); b = browser("b")
    r = a.get("/account"); check(r.status == 302 and r.header("Location") == "/login", "anonymous is sent to login"); s0 = cookie(a)
    r = login(a, "alice", "wrong"); check(r.status == 403 and cookie(a) != s0, "wrong password: 403, another cookie all the same")
    r = login(a, "alice", "alice-pass-1"); check(r.status == 302, "login redirects"); s1 = cookie(a); a.expect = "alice"
    check(whoami(a) == "alice", "the page names alice"); check(cookie(a) != s1, "and changes the cookie")
    n = requests(a); check(requests(a) == n + 1, "nothing else asks in this browser's session: the count goes up by one")
    for _ in range(4): check(whoami(a) == "alice", "still alice")
    check(a.get("/me").text.replace(" ", "").strip() == '{"user":{"id":"alice"}}', "so says the page for scripts")
    login(b, "bob", "bob-pass-1"); b.expect = "bob"; check(whoami(b) == "bob", "second browser is bob"); check(whoami(a) == "alice", "first is still alice")
    check(whoami(b, raw_cookie=s0, expect="-") is None, "a cookie from before the login is anonymous")
    check(whoami(a, headers={"User-Agent": "another", "Accept-Language": "de"}) == "alice", "another User-Agent and language: still alice")
    # the session grows, and the cookie with it
    for _ in range(3): check(a.post("/basket").status == 302, "alice buys"); check(whoami(a) == "alice", "still alice")
    check(len(cookie(a)) > 300, "a cookie of over 300 bytes")
    check(len(find(r'<p id="basket">([^<]*)</p>', a.get("/account").text).split()) == 3, "nothing is lost")
    check(a.req("HEAD", "/account").status == 200 and whoami(a) == "alice", "HEAD changes it too")
    # account switch, logout
    login(a, "bob", "bob-pass-1"); a.expect = "bob"; check(whoami(a) == "bob", "login over a live session: the same browser is now bob")
    last = cookie(a); r = a.post("/logout", expect="?"); check(r.status == 302 and "session" not in a.jar, "logout deletes the cookie"); a.expect = "-"
    check(whoami(a) is None, "anonymous again")
    check(whoami(a, raw_cookie=last, expect="bob") == "bob", "the application itself lets the logged-out cookie in again: nothing is kept on its side")
    check(whoami(a, raw_cookie="session=" + last[8:-4] + "AAAA", expect="-") is None, "a cookie with another signature is anonymous")
    login(a, "alice", "alice-pass-1"); a.expect = "alice"; check(whoami(a) == "alice", "login straight after logout")
    check(whoami(b) == "bob", "bob's other session is untouched"); check(requests(b) > 2, "with its count")
    # "remember me", in a browser where somebody has planted a session of his
    r = browser("r"); r.post("/login", {"user": "alice", "password": "alice-pass-1", "remember": "1"}, expect="?")
    e = browser("e"); e.get("/"); w = browser("w"); w.jar = {"session": e.jar["session"], "remember": r.jar["remember"]}
    check('id="user">alice<' in w.get("/").text and w.jar["session"] != e.jar["session"], "the remembered user is signed in, in another session than the planted one"); w.expect = "alice"
    check(whoami(w) == "alice", "alice goes on in it"); check(whoami(e) is None, "and whoever planted the other is anonymous")

def visit(c):
    login(c, "alice", "alice-pass-1"); c.expect = "alice"
    for _ in range(15):
        yield "/"; yield "/account"

main(run, r"^session$", visit)
