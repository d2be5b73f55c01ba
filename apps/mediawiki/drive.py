#!/usr/bin/env python3
"""MediaWiki: session and user id in two cookies, an edit, logout, account switch.  usage: drive.py BASE_URL [visit]"""
import os, sys; sys.dont_write_bytecode = True; sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from drivelib import *
import json

PAGE = "/index.php?title="; ALICE = "1"   # her user id

def token(name, text): return html.unescape(find(r'<input[^>]*(?=[^>]*name="%s")[^>]*value="([^"]*)"' % name, text, name) if re.search(r'name="%s"' % name, text) else "")

def login(c, user, pw):
    r = c.get(PAGE + "Special:UserLogin", expect="?")
    return c.post(PAGE + "Special:UserLogin", {"title": "Special:UserLogin", "authAction": "login", "wpName": user, "wpPassword": pw, "wpLoginToken": token("wpLoginToken", r.text)}, expect="?")

def logout(c):
    r = c.get(PAGE + "Special:UserLogout", expect="?")
    return c.post(PAGE + "Special:UserLogout", {"title": "Special:UserLogout", "wpEditToken": token("wpEditToken", r.text)}, expect="?")

def whoami(c, **kw):
    m = re.search(r'"wgUserName":"([^"]+)"', c.get(PAGE + "Main_Page", **kw).text); return m and m.group(1)

def cookies(c): return "; ".join("%s=%s" % kv for kv in c.own_cookies().items())

def run(browser):
    a = browser("a"); b = browser("b")
    check(whoami(a) is None and not a.own_cookies(), "anonymous, no cookies")
    r = login(a, "alice", "wrong"); check(r.status == 200 and "mw-message-box-error" in r.text, "wrong password shows the form again")
    check(list(a.own_cookies()) == ["wiki_session"], "the form has begun a session, without a user"); s0 = a.jar["wiki_session"]; check(whoami(a) is None, "it is anonymous")
    r = login(a, "alice", "alice-pass-1"); check(r.status == 302 and a.jar["wiki_session"] != s0 and a.jar["wikiUserID"] == ALICE, "login gives a new id and the user's cookie"); s1 = a.jar["wiki_session"]; a.expect = ALICE
    check(whoami(a) == "Alice", "the page names Alice"); check(whoami(a) == "Alice" and a.jar["wiki_session"] == s1, "and again; the id stays")
    check(json.loads(a.get("/api.php?action=query&meta=userinfo&format=json").text)["query"]["userinfo"]["id"] == int(ALICE), "so does the API, by her id")
    login(b, "bob", "bob-pass-1"); bob = b.jar["wikiUserID"]; b.expect = bob; check(bob != ALICE and whoami(b) == "Bob", "second browser is Bob"); check(whoami(a) == "Alice", "first is still Alice")
    # parts, and parts of different sessions
    check(whoami(a, raw_cookie="wiki_session=" + s1, expect="-") is None, "the session without the user's cookie: anonymous")
    check(whoami(a, raw_cookie="wikiUserID=" + ALICE, expect="-") is None, "the user's cookie without the session: anonymous")
    check(whoami(a, raw_cookie="wiki_session=%s; wikiUserID=%s" % (s1, bob), expect="-") is None, "Alice's session with Bob's id: nobody")
    check(whoami(a, raw_cookie="wiki_session=nosuchsession000000000000000000a; wikiUserID=" + ALICE, expect="-") is None, "an unknown session with Alice's id: nobody")
    check(whoami(a, raw_cookie="wiki_session=%s; wikiUserID=%s" % (s0, ALICE), expect="-") is None, "the id from before the login: nobody")
    # the session is not bound to the browser's looks
    check(whoami(a, headers={"User-Agent": "another", "Accept-Language": "de"}) == "Alice", "another User-Agent and language: still Alice")
    # an edit
    r = a.get(PAGE + "Rig&action=edit")
    form = {n: token(n, r.text) for n in ("wpEditToken", "wpStarttime", "wpEdittime", "editRevId", "wpUnicodeCheck")}
    r = a.post(PAGE + "Rig&action=submit", {**form, "wpTextbox1": "Written by hand.", "wpSave": "1", "wpUltimateParam": "1"}); check(r.status == 302, "Alice writes a page")
    r = b.get(PAGE + "Rig&action=history"); check("User:Alice" in r.text, "its history names her"); check("Written by hand." in a.get(PAGE + "Rig").text, "and the page shows it")
    # logout
    last = cookies(a); r = logout(a); check("wikiUserID" not in a.jar, "logout deletes the user's cookie"); a.expect = "-"
    print("  note the session cookie %s at logout" % ("has gone" if "wiki_session" not in a.jar else "stays" if a.jar["wiki_session"] == s1 else "changes"))
    check(whoami(a) is None, "anonymous again"); check(whoami(a, raw_cookie=last) is None, "the logged-out cookies replayed: nobody")
    check(whoami(b) == "Bob", "Bob's other session is untouched")
    # account switch without logout
    s2 = cookies(b); login(b, "alice", "alice-pass-1"); b.expect = ALICE; check(whoami(b) == "Alice", "login over a live session: Bob's browser is now Alice")
    check(whoami(b, raw_cookie=s2, expect="-") is None, "and Bob's old cookies are dead")
    r = logout(b); b.expect = "-"; login(b, "bob", "bob-pass-1"); b.expect = bob; check(whoami(b) == "Bob", "login straight after logout")

def visit(c):
    login(c, "alice", "alice-pass-1"); c.expect = ALICE
    for n in range(6):
        yield PAGE + "Main_Page"; yield PAGE + "Special:RecentChanges"; yield PAGE + "Main_Page&action=history"
        yield PAGE + "Special:Preferences"; yield PAGE + "Special:Version"

main(run, r"^wiki(_session|UserID)$", visit)
