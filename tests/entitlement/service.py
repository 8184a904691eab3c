"""A small entitlement service, as a customer would write one: the standard library and no more.

It checks the signature of each question by itself, answers by what its knobs say, and is told and
asked what it saw at an address of its own, which the program under test does not know.

    service.py PORT CONTROL_PORT SECRETS_FILE [SERVER_PEM SERVER_KEY [CLIENT_CA]]
"""

import hashlib
import hmac
import json
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOCK = threading.Lock()
# What it answers with.
KNOBS = {
    "mode": "answer",
    "delay": 0.0,
    "denied": [],
    "answer": {"allow": True, "ttl": 60},
}
# What it saw.
SEEN = {"asked": 0, "unsigned": 0, "at_once": 0, "most_at_once": 0, "by_viewer": {}, "last": None}


def signature(secret, when, body):
    signed = str(when).encode() + b"." + body
    return hmac.new(secret, signed, hashlib.sha256).hexdigest()


def is_signed(header, body, secrets):
    """Whether one of the secrets made the header for this body, within five minutes."""
    parts = dict(part.split("=", 1) for part in header.split(","))
    when = int(parts["t"])
    made = [signature(secret, when, body) for secret in secrets]
    fits = any(hmac.compare_digest(one, parts["v1"]) for one in made)
    return fits and abs(time.time() - when) <= 300


class Questions(BaseHTTPRequestHandler):
    """What hlskey asks."""

    protocol_version = "HTTP/1.1"
    secrets = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with LOCK:
            SEEN["asked"] += 1
            SEEN["at_once"] += 1
            SEEN["most_at_once"] = max(SEEN["most_at_once"], SEEN["at_once"])
            self.counted = 1
            knobs = json.loads(json.dumps(KNOBS))
        try:
            self.reply(body, knobs)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass
        finally:
            self.leave()

    def leave(self):
        """Who has the answer may ask the next thing before this thread is over."""
        with LOCK:
            SEEN["at_once"] -= self.counted
            self.counted = 0

    def reply(self, body, knobs):
        header = self.headers.get("X-Hlskey-Signature", "")
        if not header or not is_signed(header, body, self.secrets):
            with LOCK:
                SEEN["unsigned"] += 1
            return self.send(401, b"{}")
        question = json.loads(body)
        with LOCK:
            SEEN["last"] = question
            counts = SEEN["by_viewer"]
            counts[question["viewer"]] = counts.get(question["viewer"], 0) + 1
        time.sleep(knobs["delay"])
        self.leave()
        answer = dict(knobs["answer"])
        if question["viewer"] in knobs["denied"]:
            answer["allow"] = False
        getattr(self, "as_" + knobs["mode"])(json.dumps(answer).encode())
        return None

    def send(self, status, body, kind="application/json", extra=()):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in extra:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def as_answer(self, body):
        self.send(200, body)

    def as_error(self, body):
        self.send(500, body)

    def as_refusal(self, body):
        self.send(403, body)

    def as_created(self, body):
        self.send(201, body)

    def as_rubbish(self, _):
        self.send(200, b"<html>allow: true</html>")

    def as_text(self, body):
        self.send(200, body, kind="text/plain")

    def as_empty(self, _):
        self.send(200, b"")

    def as_huge(self, body):
        self.send(200, body[:-1] + b', "more": "' + b"x" * 10_000_000 + b'"}')

    def as_redirect(self, body):
        here = "http://%s/elsewhere" % self.headers["Host"]
        self.send(307, body, extra=[("Location", here)])

    def as_half(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.close_connection = True

    def as_drip(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for byte in body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(0.5)

    def as_twice(self, body):
        """The first question of two fails."""
        with LOCK:
            is_first = SEEN["asked"] % 2 == 1
        self.send(503 if is_first else 200, body)

    def log_message(self, *_):
        pass


class Control(BaseHTTPRequestHandler):
    """What the tests tell it."""

    secrets = []

    def do_GET(self):
        with LOCK:
            body = json.dumps(SEEN).encode()
        self.done(200, body)

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/push":
            return self.done(200, json.dumps(self.push(asked)).encode())
        with LOCK:
            KNOBS.update(asked)
        return self.done(204, b"")

    def push(self, asked):
        """Calls answers off at the key server, signed by this service's own hand."""
        body = asked["body"].encode()
        secret = asked.get("secret", self.secrets[0].decode()).encode()
        when = int(time.time()) + asked.get("skew", 0)
        signed = "t=%d,v1=%s" % (when, signature(secret, when, body))
        headers = {"Content-Type": "application/json", "X-Hlskey-Signature": signed}
        if asked.get("tamper"):
            body = body.replace(b"alice", b"carol")
        request = urllib.request.Request(asked["url"], body, headers, method="POST")
        trust = ssl.create_default_context(cafile=asked["ca"])
        # The tests' authority is a plain one: its certificates name no key identifiers.
        trust.verify_flags &= ~ssl.VERIFY_X509_STRICT
        try:
            with urllib.request.urlopen(request, context=trust, timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def done(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


def secured(server, certificate, key, client_ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )


def main():
    port, control, secrets, *tls = sys.argv[1:]
    with open(secrets, "rb") as file:
        Questions.secrets = Control.secrets = file.read().split()
    questions = Server(("127.0.0.1", int(port)), Questions)
    if tls:
        secured(questions, *tls)
    threading.Thread(target=questions.serve_forever, daemon=True).start()
    Server(("127.0.0.1", int(control)), Control).serve_forever()


if __name__ == "__main__":
    main()
