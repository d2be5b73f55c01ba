#!/usr/bin/env python3
"""DokuWiki: two cookies (PHP session + DW<md5> auth cookie), session bound to the browser, logout.  usage: drive.py BASE_URL [visit]"""
import os, sys; sys.dont_write_bytecode = True; sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from drivelib import *

START = "/doku.php?id=start"
UA1 = {"Accept-Language": "en", "Accept-Encoding": "identity"}; UA2 = {"Accept-Language": "de", "Accept-Encoding": "identity"}
def page(c, url=START, **kw): return c.get(url, headers=kw.pop("headers", UA1), **kw)
def who(c, **kw):
    m = re.search(r'class="user">.*?\(<bdi>([^<]+)</bdi>\)', page(c, **kw).text); return m and m.group(1)
def login(c, user, pw):
    page(c, START + "&do=login")
    return c.post(START, {"sectok": "", "id": "start", "do": "login", "u": user, "p": pw}, headers=UA1, expect="?")
def both(c): return "; ".join("%s=%s" % kv for kv in c.own_cookies().items())

def run(browser):
    a = browser("a"); b = browser("b")
    check(who(a) is None, "anonymous"); s0 = a.jar["DokuWiki"]; check(s0, "with a PHP session from the first page on")
    r = login(a, "alice", "wrong"); check(r.status == 403 and not a.cookie("^DW[0-9a-f]")[0], "wrong password: 403, no auth cookie")
    r = login(a, "alice", "alice-pass-1"); dw, dv = a.cookie("^DW[0-9a-f]"); check(r.status == 302 and dw, "login sets the DW auth cookie")
    check(a.jar["DokuWiki"] == s0, "and does NOT rotate the PHP session id: the same id, anonymous before, is alice now"); s1 = a.jar["DokuWiki"]; a.expect = "alice"
    check(who(a) == "alice", "the page names alice"); check(who(a) == "alice", "and again")
    check(a.cookie("^DW[0-9a-f]")[1] == dv, "the auth cookie is stable while the browser looks the same (a stray whoami would change it)")
    login(b, "bob", "bob-pass-1"); b.expect = "bob"; check(who(b) == "bob", "second browser is bob"); check(who(a) == "alice", "first still alice")
    # half of the cookies is no login
    check(who(a, raw_cookie="DokuWiki=" + s1, expect="-") is None, "PHP session without the auth cookie: anonymous")
    check(who(a, raw_cookie="%s=%s" % (dw, dv), expect="-") is None, "auth cookie without the PHP session: anonymous")
    check(who(a, raw_cookie="DokuWiki=%s; %s=%s" % (s1, dw, b.cookie("^DW[0-9a-f]")[1]), expect="-") is None, "alice's session with bob's auth cookie: nobody")
    login(a, "alice", "alice-pass-1"); s1 = a.jar["DokuWiki"]
    # the session is bound to User-Agent, Accept-Language, Accept-Encoding and half of the client address: another look re-authenticates
    dv = a.cookie("^DW[0-9a-f]")[1]
    check(who(a, headers=UA2) == "alice" and a.cookie("^DW[0-9a-f]")[1] != dv, "another Accept-Language: still alice, the auth cookie is re-encrypted")
    check(who(a) == "alice", "back to the first look")
    # logout
    last = both(a); t = find(r'do=logout&amp;sectok=([0-9a-f]+)', page(a).text, "sectok")
    r = page(a, START + "&do=logout&sectok=" + t, expect="?"); check(r.status == 302 and not a.cookie("^DW[0-9a-f]")[0], "logout deletes the auth cookie"); a.expect = "-"
    print("  note PHP session id %s at logout" % ("kept" if a.jar.get("DokuWiki") == s1 else "gone or rotated"))
    check(who(a) is None, "anonymous again")
    check(who(a, raw_cookie=last, expect="?") == "alice", "the app itself lets the logged-out cookies in again: its logout is client-side only")
    check(who(b) == "bob", "bob's other session is untouched")
    check(who(b, raw_cookie="DokuWiki=nosuchsession0000000000000; %s=YWxpY2U%%3D%%7C0%%7CAAAA" % dw, expect="-") is None, "forged auth cookie naming alice: anonymous")
    # account switch without logout
    login(b, "alice", "alice-pass-1"); b.expect = "alice"; check(who(b) == "alice", "login over a live session: bob's browser is now alice")

def visit(c):
    c.headers = UA1; login(c, "alice", "alice-pass-1"); c.expect = "alice"
    for _ in range(10):
        yield START; yield "/doku.php?id=wiki:syntax"; yield START + "&do=recent"

main(run, r"^(DokuWiki|DW[0-9a-f]{32})$", visit)
