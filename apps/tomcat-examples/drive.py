#!/usr/bin/env python3
"""Tomcat's examples: FORM login gives a new id, logout ends the session and leaves the cookie alone.  usage: drive.py BASE_URL [visit]"""
import os, sys; sys.dont_write_bytecode = True; sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from drivelib import *

PROTECTED = "/examples/jsp/security/protected/"; INDEX = PROTECTED + "index.jsp"; OPEN = "/examples/jsp/snp/snoop.jsp"; DATA = "/examples/servlets/servlet/SessionExample"; REMEMBER = "/remember/index.jsp"

def login(c, user, pw):
    """What a browser does: ask for the page, get the form in its place, send it."""
    c.get(INDEX, expect="?")
    return c.post(PROTECTED + "j_security_check", {"j_username": user, "j_password": pw}, expect="?")

def named(r):
    m = re.search(r"logged in as remote user\s*<b>([^<]+)</b>", r.text); return m and m.group(1)

def whoami(c, **kw): return named(c.get(INDEX, **kw))

def remote_user(c, **kw): return find(r"Remote user: (\S+)", c.get(OPEN, **kw).text)

def cookie(c): return "JSESSIONID=" + c.jar["JSESSIONID"]

def run(browser):
    a = browser("a"); b = browser("b")
    check(remote_user(a) == "null", "anonymous, and a session from the first page on"); s0 = cookie(a)
    r = a.get(INDEX); check(r.status == 200 and "j_security_check" in r.text, "the form in place of the protected page"); check(cookie(a) != s0, "and a new id: the protected page itself rotates"); s0 = cookie(a)
    r = login(a, "alice", "wrong"); check(r.status == 200 and "Error Page" in r.text, "wrong password: 200"); s0 = cookie(a)
    r = login(a, "alice", "alice-pass-1"); check(r.status == 303 and r.header("Location").endswith(INDEX), "login leads to the page that was asked for"); check(cookie(a) != s0, "with a new id"); s1 = cookie(a); a.expect = "alice"
    check(whoami(a) == "alice", "the page names alice"); check(remote_user(a) == "alice", "so does an open page")
    r = a.get(INDEX + "?role=role1"); check("have been granted" in r.text, "alice has a role")
    check(remote_user(a, raw_cookie=s0, expect="-") == "null", "the id from before the login is anonymous")
    login(b, "bob", "bob-pass-1"); b.expect = "bob"; check(whoami(b) == "bob", "second browser is bob"); check(whoami(a) == "alice", "first is still alice")
    r = b.get(INDEX + "?role=role1"); check("<i>not</i>" in r.text, "bob does not have it")
    check("mine" in a.get(DATA + "?dataname=cart&datavalue=mine").text, "the session keeps data"); check("mine" in a.get(DATA).text, "over requests"); check("mine" not in b.get(DATA).text, "apart from bob's")
    check(remote_user(a, headers={"User-Agent": "another", "Accept-Language": "de"}) == "alice", "another User-Agent and language: still alice")
    check(cookie(a) == s1, "alice's id has stayed")
    # logout
    r = a.get(INDEX + "?logoff=true", expect="?"); check(r.status == 302 and cookie(a) == s1, "logout leaves the cookie alone"); a.expect = "-"
    check(remote_user(a, raw_cookie=s1) == "null", "but it is anonymous"); check(whoami(a) is None and cookie(a) != s1, "the next page begins another session")
    check(whoami(a, raw_cookie=s1) is None, "the logged-out id replayed is anonymous")
    check(whoami(a, raw_cookie="JSESSIONID=0123456789ABCDEF0123456789ABCDEF") is None, "an unknown id is anonymous")
    check(whoami(b) == "bob", "bob's other session is untouched")
    # another user in the same browser, and the first one again
    login(a, "bob", "bob-pass-1"); a.expect = "bob"; check(whoami(a) == "bob", "the same browser is now bob")
    r = a.get(INDEX + "?logoff=true", expect="?"); a.expect = "-"; check(r.status == 302, "logout again")
    s2 = cookie(a); login(a, "alice", "alice-pass-1"); a.expect = "alice"; check(cookie(a) != s2 and whoami(a) == "alice", "login straight after logout")
    check(remote_user(b) == "bob", "bob's other session is untouched")
    # "remember me", in a browser where somebody has planted a session of his
    def known(c): m = re.search(r'id="user">([^<]+)<', c.get(REMEMBER).text); return m and m.group(1)
    r = browser("r"); r.post(REMEMBER, {"user": "alice", "password": "alice-pass-1"}, expect="?")
    e = browser("e"); e.get(REMEMBER); w = browser("w"); w.jar = {"JSESSIONID": e.jar["JSESSIONID"], "remember": r.jar["remember"]}
    check(known(w) == "alice" and w.jar["JSESSIONID"] != e.jar["JSESSIONID"], "the remembered user is signed in, in another session than the planted one"); w.expect = "alice"
    check(known(w) == "alice", "alice goes on in it"); check(known(e) is None, "and whoever planted the other is anonymous")

def visit(c):
    login(c, "alice", "alice-pass-1"); c.expect = "alice"
    for n in range(10):
        yield INDEX; yield OPEN; yield DATA + "?dataname=page&datavalue=%d" % n

main(run, r"^JSESSIONID$", visit)
