#!/usr/bin/env python3
"""Django admin: login, account switch, logout, revocation.  usage: drive.py BASE_URL [visit]"""
import os, sys; sys.dont_write_bytecode = True; sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from drivelib import *

TOKEN = r'name="csrfmiddlewaretoken" value="([^"]+)"'

def login(c, user, pw, expect="?"):
    r = c.get("/admin/login/?next=/admin/")   # answers 302 when already logged in: then the csrf cookie serves
    t = find(TOKEN, r.text, "csrf token") if r.status == 200 else c.jar["csrftoken"]
    return c.post("/admin/login/?next=/admin/", {"csrfmiddlewaretoken": t, "username": user, "password": pw, "next": "/admin/"}, expect=expect)

def whoami(c, expect=None):
    r = c.get("/admin/", expect=expect)
    m = re.search(r'id="user-tools">.*?<strong>([^<]+)</strong>', r.text, re.S)
    return m.group(1) if m else None

def run(browser):
    a = browser("a"); b = browser("b")
    r = a.get("/admin/"); check(r.status == 302 and "/admin/login/" in r.header("Location"), "anonymous is sent to login")
    check(not a.own_cookies(), "no session cookie before login")
    r = login(a, "alice", "wrong"); check(r.status == 200 and "errornote" in r.text, "wrong password shows the form again")
    check("sessionid" not in a.jar, "a failed login makes no session")
    r = login(a, "alice", "alice-pass-1"); check(r.status == 302, "login redirects")
    s1 = a.jar["sessionid"]; a.expect = "alice"
    check(whoami(a) == "alice", "the page names alice")
    check(a.get("/admin/auth/user/").status == 200, "a second page, same session")
    login(b, "bob", "bob-pass-1"); b.expect = "bob"; check(whoami(b) == "bob", "second browser is bob"); check(whoami(a) == "alice", "first is still alice")
    check(a.get("/admin/", headers={"User-Agent": "another", "Accept-Language": "de"}).status == 200, "another User-Agent and language: still alice")
    # login over a live session: the id rotates, the old one dies
    r = login(a, "bob", "bob-pass-1", expect="?"); check(r.status == 302 and a.jar["sessionid"] != s1, "login over a live session rotates the id")
    a.expect = "bob"; check(whoami(a) == "bob", "the same browser is now bob")
    r = a.req("GET", "/admin/", raw_cookie="sessionid=" + s1, expect="?"); check(r.status == 302, "the old id is dead")
    # logout
    s2 = a.jar["sessionid"]
    r = a.get("/admin/logout/", expect="?"); check(r.status == 200 and "sessionid" not in a.jar, "logout deletes the cookie"); a.expect = "-"
    r = a.req("GET", "/admin/", raw_cookie="sessionid=" + s2, expect="-"); check(r.status == 302, "the logged-out id replayed is anonymous")
    r = a.req("GET", "/admin/", raw_cookie="sessionid=nosuchsession000000000000000000a", expect="-"); check(r.status == 302, "an unknown id is anonymous")
    check(whoami(b) == "bob", "bob's other session is untouched")
    # revocation by someone else: alice changes bob's password (to the same one); bob's sessions end at the app
    login(a, "alice", "alice-pass-1"); a.expect = "alice"
    uid = find(r'/admin/auth/user/(\d+)/change/">bob<', a.get("/admin/auth/user/").text, "bob's row")
    t = find(TOKEN, a.get("/admin/auth/user/%s/password/" % uid).text)
    r = a.post("/admin/auth/user/%s/password/" % uid, {"csrfmiddlewaretoken": t, "password1": "bob-pass-1", "password2": "bob-pass-1"}); check(r.status == 302, "alice resets bob's password")
    r = b.get("/admin/", expect="?"); check(r.status == 302, "bob is out, no logout request of his own")
    check("sessionid" not in b.jar, "and his cookie is deleted by that answer"); b.expect = "-"
    a.get("/admin/logout/", expect="?")

def visit(c):
    login(c, "alice", "alice-pass-1"); c.expect = "alice"
    for _ in range(10):
        yield "/admin/"; yield "/admin/auth/user/"; yield "/admin/auth/group/"

main(run, r"^sessionid$", visit)
