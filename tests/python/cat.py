"""Signs and verifies CBOR Web Tokens with cwt. One JSON object in, one line out.

A claim's key is a number in digits; {"hex": …} stands for bytes, {"tag": …, "item": …} for a tag, and
{"map": {…}} for a map whose keys are numbers in digits, or texts. The key is hexadecimal digits or PEM.

cat.py sign {"algorithm", "key", "kid", "claims"}     the token
cat.py verify {"algorithm", "key", "kid", "token"}    its subject
"""

import base64
import json
import sys

import cwt
from cbor2 import CBORTag
from cwt import COSEKey


def key(order):
    if order["algorithm"] == "HS256":
        secret = bytes.fromhex(order["key"])
        return COSEKey.from_symmetric_key(key=secret, alg="HS256", kid=order["kid"])
    return COSEKey.from_pem(order["key"], alg=order["algorithm"], kid=order["kid"])


def label(text):
    return int(text) if text.lstrip("-").isdigit() else text


def item(value):
    match value:
        case {"hex": digits}:
            return bytes.fromhex(digits)
        case {"tag": tag, "item": inner}:
            return CBORTag(tag, item(inner))
        case {"map": entries}:
            return {label(name): item(inner) for name, inner in entries.items()}
        case [*items]:
            return [item(inner) for inner in items]
        case _:
            return value


def sign(order):
    claims = item({"map": order["claims"]})
    token = cwt.encode(claims, key(order), tagged=True)
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode()


def verify(order):
    text = order["token"]
    token = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return cwt.decode(token, key(order))[2]


if __name__ == "__main__":
    what, text = sys.argv[1:]
    print({"sign": sign, "verify": verify}[what](json.loads(text)))
