"""What Python's parsers read. usage: read.py http.cookies|flask|django"""
import sys

def http_cookies():
    from http.cookies import CookieError, SimpleCookie
    def read(header):
        try: return [(name, morsel.value) for name, morsel in SimpleCookie(header).items()]
        except CookieError: return []  # the application has none
    return read

def flask():
    from flask import Request
    def read(header):
        return list(Request({"HTTP_COOKIE": header, "REQUEST_METHOD": "GET"}).cookies.items())
    return read

def django():
    import io
    from django.conf import settings
    settings.configure()
    from django.core.handlers.wsgi import WSGIRequest
    def read(header):
        environ = {"HTTP_COOKIE": header, "REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.input": io.BytesIO()}
        return list(WSGIRequest(environ).COOKIES.items())
    return read

def text(value): return value.encode("utf-8", "surrogatepass").hex()

read = {"http.cookies": http_cookies, "flask": flask, "django": django}[sys.argv[1]]()
for line in sys.stdin:
    want, header = (bytes.fromhex(field[1:]).decode("latin-1") for field in line.split())
    name = want.rstrip("*")
    found = [(k, v) for k, v in read(header) if k == name or want.endswith("*") and k.startswith(name)]
    sys.stdout.write(" ".join(text(k) + "=" + text(v) for k, v in found) + "\n")
