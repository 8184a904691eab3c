"""An issuer with an OpenID configuration and a key set, which can be told to behave badly.

issuer.py PORT KEYS.json [CERTIFICATE KEY]

KEYS.json keeps its keys through a restart. What a key's name begins with says its sort: rsa, ec,
p521 or ed. GET /asked counts; POST /state changes what is served; POST /sign gives a token.
"""

import json
import os
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

MAKERS = {
    "rsa": ("PS256", RSAKey, lambda: RSAKey.generate_key(2048)),
    "ec": ("ES256", ECKey, lambda: ECKey.generate_key("P-256")),
    "p521": ("ES512", ECKey, lambda: ECKey.generate_key("P-521")),
    "ed": ("EdDSA", OKPKey, lambda: OKPKey.generate_key("Ed25519")),
}

PORT, STORE = int(sys.argv[1]), sys.argv[2]
BASE = f"{'https' if len(sys.argv) > 3 else 'http'}://127.0.0.1:{PORT}"
KEYS = json.load(open(STORE)) if os.path.exists(STORE) else {}
STATE = {
    "mode": "good",
    "kids": [],
    "issuer": BASE,
    "jwks_uri": f"{BASE}/keys",
    "headers": {},
}
ASKED = {"keys": 0, "configuration": 0}


def key(kid):
    algorithm, sort, make = MAKERS[kid.split("-")[0]]
    if kid not in KEYS:
        KEYS[kid] = make().as_dict(private=True)
        json.dump(KEYS, open(STORE, "w"))
    return algorithm, sort.import_key(KEYS[kid])


def public(kid):
    algorithm, found = key(kid)
    return found.as_dict(private=False) | {"kid": kid, "use": "sig", "alg": algorithm}


def sign(order):
    algorithm, found = key(order["kid"])
    header = {"alg": algorithm, "kid": order.get("named", order["kid"])}
    if header["kid"] is None:
        del header["kid"]
    return jwt.encode(header, order["claims"], found, algorithms=[algorithm])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/keys":
            ASKED["keys"] += 1
            self.behave(json.dumps({"keys": [public(kid) for kid in STATE["kids"]]}))
        elif self.path == "/.well-known/openid-configuration":
            ASKED["configuration"] += 1
            said = {name: STATE[name] for name in ("issuer", "jwks_uri")}
            self.answer(json.dumps(said))
        elif self.path == "/asked":
            self.answer(json.dumps(ASKED))
        else:
            self.answer("no", 404)

    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/state":
            STATE.update(order)
            self.answer("{}")
        else:
            self.answer(sign(order))

    def behave(self, text):
        mode = STATE["mode"]
        if mode == "rubbish":
            self.answer("<html>sign in</html>")
        elif mode == "long":
            self.answer('{"keys":[' + '{"kty":"oct"},' * 800_000 + "{}]}")
        elif mode == "error":
            self.answer(text, 500)
        elif mode == "redirect":
            self.answer("", 302, {"location": f"{BASE}/elsewhere"})
        elif mode == "slow":
            self.trickle(text)
        else:
            self.answer(text)

    def answer(self, text, status=200, headers=None):
        body = text.encode()
        self.send_response(status)
        for name, value in (STATE["headers"] | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def trickle(self, text):
        """A byte now and then: never silent for long, and never done."""
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        for byte in text.encode():
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(0.5)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
server.daemon_threads = True
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
