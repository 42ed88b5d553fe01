"""A time stamp authority (RFC 3161) on this machine: real certificates, real signatures, a real HTTP server."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

INTEGER, OCTETS, OID, TIME, SEQUENCE, SET = 0x02, 0x04, 0x06, 0x18, 0x30, 0x31
SHA256 = "2.16.840.1.101.3.4.2.1"
RSA_SHA256 = "1.2.840.113549.1.1.11"
TST_INFO = "1.2.840.113549.1.9.16.1.4"


def der(tag: int, *parts: bytes) -> bytes:
    """Return one DER value."""
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(size)]) + size + body


def number(value: int) -> bytes:
    """Return a DER integer."""
    return der(INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


def oid(dotted: str) -> bytes:
    """Return a DER object identifier."""
    first, second, *rest = map(int, dotted.split("."))
    body = bytearray([40 * first + second])
    for arc in rest:
        parts = [arc & 0x7F]
        while arc := arc >> 7:
            parts.append(0x80 | (arc & 0x7F))
        body += bytes(reversed(parts))
    return der(OID, bytes(body))


def algorithm(dotted: str) -> bytes:
    """Return a DER algorithm identifier without parameters."""
    return der(SEQUENCE, oid(dotted), b"\x05\x00")


def values(encoded: bytes) -> list[tuple[int, bytes]]:
    """Return the tags and bodies of the DER values that stand one after another."""
    found = []
    while encoded:
        tag, length, at = encoded[0], encoded[1], 2
        if length & 0x80:
            at += length & 0x7F
            length = int.from_bytes(encoded[2:at])
        found.append((tag, encoded[at : at + length]))
        encoded = encoded[at + length :]
    return found


@dataclass
class Authority:
    """An authority with a root and a certificate to stamp with; what it answers can be bent for a test.

    ``sends_root``: its stamps carry the root too, and no order of the two that DER would ask for.
    """

    root: x509.Certificate
    leaf: x509.Certificate
    key: rsa.RSAPrivateKey
    at: datetime = datetime(2026, 11, 20, 12, 0, 5, tzinfo=UTC)
    url: str = ""
    asked: int = 0
    status: int = 200
    granted: bool = True
    stamps_another: bool = False
    sends_root: bool = False
    answers_another: bool = False
    bent: bytes | None = None
    silent: threading.Event | None = None
    _serial: int = field(default=0)

    @property
    def pem(self) -> bytes:
        """The root certificate, which those who trust the authority hold."""
        return self.root.public_bytes(Encoding.PEM)

    def answer(self, request: bytes) -> bytes:
        """Return the answer to a request, both DER."""
        [(_, body)] = values(request)
        _version, (_, imprint), *others = values(body)
        digest = values(imprint)[1][1]
        nonce = next((content for tag, content in others if tag == INTEGER), None)
        if self.answers_another:
            nonce = b"\x01\x02"
        if not self.granted:
            return der(SEQUENCE, der(SEQUENCE, number(2)))
        return self.stamp(sha256(b"another").digest() if self.stamps_another else digest, nonce)

    def stamp(self, digest: bytes, nonce: bytes | None = None) -> bytes:
        """Return a stamp over a SHA-256."""
        self._serial += 1
        told = [
            number(1),
            oid("1.3.6.1.4.1.99999.1"),
            der(SEQUENCE, algorithm(SHA256), der(OCTETS, digest)),
            number(self._serial),
            der(TIME, self.at.strftime("%Y%m%d%H%M%SZ").encode()),
        ]
        if nonce is not None:
            told.append(der(INTEGER, nonce))
        info = der(SEQUENCE, *told)
        certificate = self.leaf.public_bytes(Encoding.DER)
        sent = [certificate, self.root.public_bytes(Encoding.DER)] if self.sends_root else [certificate]
        attributes = b"".join(
            sorted(
                [
                    der(SEQUENCE, oid("1.2.840.113549.1.9.3"), der(SET, oid(TST_INFO))),
                    der(SEQUENCE, oid("1.2.840.113549.1.9.4"), der(SET, der(OCTETS, sha256(info).digest()))),
                    der(
                        SEQUENCE,
                        oid("1.2.840.113549.1.9.16.2.47"),
                        der(
                            SET, der(SEQUENCE, der(SEQUENCE, der(SEQUENCE, der(OCTETS, sha256(certificate).digest()))))
                        ),
                    ),
                ]
            )
        )
        signature = self.key.sign(der(SET, attributes), padding.PKCS1v15(), hashes.SHA256())
        signer = der(
            SEQUENCE,
            number(1),
            der(SEQUENCE, self.leaf.issuer.public_bytes(), number(self.leaf.serial_number)),
            algorithm(SHA256),
            der(0xA0, attributes),
            algorithm(RSA_SHA256),
            der(OCTETS, signature),
        )
        signed = der(
            SEQUENCE,
            number(3),
            der(SET, algorithm(SHA256)),
            der(SEQUENCE, oid(TST_INFO), der(0xA0, der(OCTETS, info))),
            der(0xA0, *sorted(sent, reverse=True)),
            der(SET, signer),
        )
        token = der(SEQUENCE, oid("1.2.840.113549.1.7.2"), der(0xA0, signed))
        return der(SEQUENCE, der(SEQUENCE, number(0)), token)


@cache
def _certificates(name: str) -> tuple[x509.Certificate, x509.Certificate, rsa.RSAPrivateKey]:
    root_key, leaf_key = (rsa.generate_private_key(65537, 2048) for _ in "ab")
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} root")])
    leaf_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begins = datetime(2026, 1, 1, tzinfo=UTC)

    def builder(subject: x509.Name, key: rsa.RSAPrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(root_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + timedelta(days=3650))
        )

    root = (
        builder(root_name, root_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        builder(leaf_name, leaf_key)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    return root, leaf, leaf_key


def make_authority(name: str = "Tidsstämplaren") -> Authority:
    """Return an authority that nobody can ask over the network yet; its keys are made once a session."""
    return Authority(*_certificates(name))


@contextmanager
def served_authority(name: str = "Tidsstämplaren") -> Iterator[Authority]:
    """Give an authority that answers at its ``url``."""
    authority = make_authority(name)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            authority.asked += 1
            request = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/timestamp-query"
            if authority.silent is not None:
                authority.silent.wait(20)
                return
            answer = authority.bent if authority.bent is not None else authority.answer(request)
            self.send_response(authority.status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing: the test tells what it needs."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    authority.url = f"http://127.0.0.1:{server.server_port}/tsa"
    try:
        yield authority
    finally:
        if authority.silent is not None:
            authority.silent.set()
        server.shutdown()
        server.server_close()
        thread.join()
