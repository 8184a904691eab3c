"""A SPEKE packager's eyes: reads CPIX by ElementTree, opens encrypted keys by cryptography.

speke.py compare REQUEST ANSWER    what was filled in, as JSON; fails if anything else differs
speke.py recipient KEY             makes an RSA key in KEY, prints a certificate of it (base64 DER)
speke.py open ANSWER KEY           the keys of an encrypted answer, by kid, in hexadecimal digits
speke.py digest URL REQUEST USER PASSWORD CA
                                   the answer to a document that is posted twice by HTTP's digest
"""

import base64
import datetime
import json
import sys
import xml.etree.ElementTree as tree

CPIX = "{urn:dashif:org:cpix}"
PSKC = "{urn:ietf:params:xml:ns:keyprov:pskc}"
SPEKE = "{urn:aws:amazon:com:speke}"
ENC = "{http://www.w3.org/2001/04/xmlenc#}"
FILLED = {CPIX + "URIExtXKey", SPEKE + "KeyFormat", SPEKE + "KeyFormatVersions", CPIX + "HLSSignalingData"}
ADDED = {
    CPIX + "ContentKey": [CPIX + "Data"],
    CPIX + "DeliveryData": [CPIX + "DocumentKey", CPIX + "MACMethod"],
}


def text(element):
    return (element.text or "").strip()


def compare(asked, given, filled):
    assert asked.tag == given.tag, (asked.tag, given.tag)
    assert asked.attrib == given.attrib, (asked.attrib, given.attrib)
    if asked.tag in FILLED:
        value = base64.b64decode(text(given), validate=True).decode()
        filled.append([asked.tag.split("}")[1], asked.get("playlist"), value])
    else:
        assert text(asked) == text(given), asked.tag
    extra = list(given)[len(list(asked)):]
    assert [one.tag for one in extra] == (ADDED.get(asked.tag, [])[: len(extra)]), (asked.tag, extra)
    for one, other in zip(asked, given, strict=False):
        compare(one, other, filled)


def keys(root):
    for key in root.iter(CPIX + "ContentKey"):
        yield key.get("kid"), key.find(f"{CPIX}Data/{PSKC}Secret")


def plain(secret):
    return base64.b64decode(secret.find(PSKC + "PlainValue").text, validate=True).hex()


def compared(request, answer):
    asked, given = tree.parse(request).getroot(), tree.parse(answer).getroot()
    filled = []
    compare(asked, given, filled)
    found = {kid: plain(secret) for kid, secret in keys(given) if secret.find(PSKC + "PlainValue") is not None}
    print(json.dumps({"filled": filled, "keys": found}))


def recipient(path):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "packager.test")])
    start = datetime.datetime(2020, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start.replace(year=2040))
    certificate = builder.sign(key, hashes.SHA256())
    with open(path, "wb") as file:
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        file.write(key.private_bytes(encoding, form, serialization.NoEncryption()))
    print(base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode())


def opened(answer, path):
    from cryptography.hazmat.primitives import hashes, hmac, padding, serialization
    from cryptography.hazmat.primitives.asymmetric import padding as wrapping
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    with open(path, "rb") as file:
        private = serialization.load_pem_private_key(file.read(), None)
    root = tree.parse(answer).getroot()
    oaep = wrapping.OAEP(wrapping.MGF1(hashes.SHA1()), hashes.SHA1(), None)

    def parts(element):
        value = base64.b64decode(element.find(f"{PSKC}EncryptedValue/{ENC}CipherData/{ENC}CipherValue").text)
        method = element.find(f"{PSKC}EncryptedValue/{ENC}EncryptionMethod").get("Algorithm")
        return method, value, base64.b64decode(element.find(PSKC + "ValueMAC").text)

    data = root.find(f"{CPIX}DeliveryDataList/{CPIX}DeliveryData")
    method = data.find(CPIX + "MACMethod")
    assert method.get("Algorithm") == "http://www.w3.org/2001/04/xmldsig-more#hmac-sha512"
    assert data.find(CPIX + "DocumentKey").get("Algorithm") == "http://www.w3.org/2001/04/xmlenc#aes256-cbc"
    sealed_mac = parts(method.find(CPIX + "Key"))
    sealed_document = parts(data.find(f"{CPIX}DocumentKey/{CPIX}Data/{PSKC}Secret"))
    mac = private.decrypt(sealed_mac[1], oaep)
    document = private.decrypt(sealed_document[1], oaep)
    assert (len(mac), len(document)) == (64, 32)

    def check(sealed, algorithm):
        assert sealed[0] == "http://www.w3.org/2001/04/xmlenc#" + algorithm, sealed[0]
        check = hmac.HMAC(mac, hashes.SHA512())
        check.update(sealed[1])
        check.verify(sealed[2])

    check(sealed_mac, "rsa-oaep-mgf1p")
    check(sealed_document, "rsa-oaep-mgf1p")
    found = {}
    for kid, secret in keys(root):
        assert secret.find(PSKC + "PlainValue") is None
        sealed = parts(secret)
        check(sealed, "aes256-cbc")
        cipher = Cipher(algorithms.AES(document), modes.CBC(sealed[1][:16])).decryptor()
        padded = cipher.update(sealed[1][16:]) + cipher.finalize()
        unpadder = padding.PKCS7(128).unpadder()
        found[kid] = (unpadder.update(padded) + unpadder.finalize()).hex()
    print(json.dumps(found))


def digested(url, request, user, password, authority):
    import requests

    session = requests.Session()
    session.auth = requests.auth.HTTPDigestAuth(user, password)
    session.verify = authority
    with open(request, "rb") as file:
        document = file.read()
    answers = [session.post(url, document, headers={"Content-Type": "application/xml"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200], answers
    assert [len(answer.history) for answer in answers] == [1, 0], "the nonce is used twice, with another count"
    assert answers[0].content == answers[1].content
    print(answers[0].text, end="")


{"compare": compared, "recipient": recipient, "open": opened, "digest": digested}[sys.argv[1]](*sys.argv[2:])
