#!/usr/bin/env python3
"""Recording reverse proxy, to stand between gateway and app (gateway -> tap -> app).

  tap.py serve LISTEN_PORT APP_PORT LOG.jsonl     plain HTTP/1.1 forwarder, loopback only; port 0: any free one, printed
  tap.py check LOG.jsonl [HEADER]                 every driven request's identity header (default
                                                  OurApp-User-ID) must equal its X-Drive-Expect
  tap.py stats LOG.jsonl                          how many driven requests and how many extra ones
                                                  (whoami sub-requests) the app saw
Requests without X-Drive-Step are the gateway's own (whoami).
"""
import http.client, http.server, json, socketserver, sys, threading

HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
lock = threading.Lock()

def serve(port, app, log):
    out = open(log, "a", buffering=1)
    class H(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def log_message(self, *a): pass
        def go(self):
            n = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(n) if n else None
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                body = b""
                while True:
                    size = int(self.rfile.readline().split(b";")[0], 16)
                    if size == 0:
                        while self.rfile.readline() not in (b"\r\n", b""): pass
                        break
                    body += self.rfile.read(size); self.rfile.readline()
            c = http.client.HTTPConnection("127.0.0.1", app, timeout=120)
            c.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for k, v in self.headers.items():
                if k.lower() not in HOP and k.lower() != "content-length": c.putheader(k, v)
            if body is not None: c.putheader("Content-Length", str(len(body)))
            c.endheaders(body)
            r = c.getresponse(); data = r.read()
            ids = {k: v for k, v in self.headers.items() if k.lower().startswith("ourapp-")}
            with lock:
                out.write(json.dumps({"step": self.headers.get("X-Drive-Step"), "expect": self.headers.get("X-Drive-Expect"),
                    "method": self.command, "path": self.path, "identity": ids, "cookie": self.headers.get("Cookie"),
                    "status": r.status, "set_cookie": r.headers.get_all("Set-Cookie") or []}) + "\n")
            self.send_response_only(r.status, r.reason)
            for k, v in r.getheaders():
                if k.lower() not in HOP and k.lower() != "content-length": self.send_header(k, v)
            if r.status not in (204, 304) and r.status >= 200:
                self.send_header("Content-Length", r.getheader("Content-Length", str(len(data))) if self.command == "HEAD" else str(len(data)))
            self.end_headers()
            if self.command != "HEAD": self.wfile.write(data)
            c.close()
        do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = go
    class S(socketserver.ThreadingMixIn, http.server.HTTPServer): daemon_threads = True
    server = S(("127.0.0.1", port), H)
    print("listening on 127.0.0.1:%d" % server.server_address[1], flush=True)
    server.serve_forever()

def rows(log): return [json.loads(l) for l in open(log) if l.strip()]

def check(log, header="OurApp-User-ID"):
    bad = seen = 0
    for r in rows(log):
        if r["step"] is None or r["expect"] in (None, "?"): continue
        got = next((v for k, v in r["identity"].items() if k.lower() == header.lower()), "-"); seen += 1
        if got != r["expect"]:
            bad += 1; print("step %s %s %s: %s=%r, want %r" % (r["step"], r["method"], r["path"], header, got, r["expect"]))
    print("%d requests checked, %d wrong" % (seen, bad)); sys.exit(1 if bad or not seen else 0)

def stats(log):
    rs = rows(log); driven = [r for r in rs if r["step"] is not None]; own = [r for r in rs if r["step"] is None]
    print("driven=%d gateway_own=%d" % (len(driven), len(own)))
    for r in own: print("  own: %s %s -> %d set_cookie=%d" % (r["method"], r["path"], r["status"], len(r["set_cookie"])))

if __name__ == "__main__":
    a = sys.argv[1:]
    if a[:1] == ["serve"] and len(a) == 4: serve(int(a[1]), int(a[2]), a[3])
    elif a[:1] == ["check"] and len(a) >= 2: check(*a[1:3])
    elif a[:1] == ["stats"] and len(a) == 2: stats(a[1])
    else: sys.exit(__doc__)
