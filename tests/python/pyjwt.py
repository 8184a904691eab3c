"""Signs and verifies JSON Web Tokens with PyJWT.

pyjwt.py pair ALGORITHM                                        {"private": PEM, "public": PEM}
pyjwt.py sign [{"algorithm", "key", "claims", "headers"?}, …]  the tokens, a line each
pyjwt.py verify {"algorithm", "key", "token", "audience"?}     its claims
"""

import json
import sys

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

MAKERS = {
    "RS": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "PS": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


def pair(algorithm):
    make = MAKERS.get(algorithm) or MAKERS[algorithm[:2]]
    private = make()
    return {
        "private": private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
        "public": private.public_key()
        .public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        .decode(),
    }


def sign(order):
    return jwt.encode(
        order["claims"], order["key"], order["algorithm"], order.get("headers")
    )


def verify(order):
    return jwt.decode(
        order["token"], order["key"], [order["algorithm"]], audience=order.get("audience")
    )


if __name__ == "__main__":
    what, text = sys.argv[1:]
    if what == "pair":
        print(json.dumps(pair(text)))
    elif what == "sign":
        print("\n".join(sign(order) for order in json.loads(text)))
    else:
        print(json.dumps(verify(json.loads(text))))
