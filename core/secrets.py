"""Keys derived from the installation's one secret, each for one use (HKDF-SHA256, RFC 5869)."""

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def derive(secret: bytes, use: str) -> bytes:
    """Return the 32-byte key for ``use``; one use learns nothing of another's key."""
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"ringklar/{use}".encode()).derive(secret)


@dataclass(frozen=True, slots=True)
class Keyring:
    """The installation's keys: numbers and personal identity numbers are known by a keyed hash, each its own.

    ``token_key`` signs check tokens, ``lead_file_key`` seals the files as received, ``identity_key`` personal identity
    numbers.
    """

    number_key: bytes
    ledger_key: Ed25519PrivateKey
    token_key: Ed25519PrivateKey
    fingerprint: str
    lead_file_key: bytes
    identity_key: bytes
    identity_index_key: bytes

    def number_hash(self, number: int) -> str:
        """Return the keyed hash by which the ledger knows a number: 32 hex digits, useless without the secret."""
        return hashlib.blake2b(str(number).encode(), key=self.number_key, digest_size=16).hexdigest()


def keyring(secret: bytes) -> Keyring:
    """Return the keys that follow from the installation's secret."""
    fingerprint = hmac.new(derive(secret, "fingerprint"), b"installation", hashlib.sha256).hexdigest()[:32]
    return Keyring(
        number_key=derive(secret, "number-hash"),
        ledger_key=Ed25519PrivateKey.from_private_bytes(derive(secret, "ledger-signature")),
        token_key=Ed25519PrivateKey.from_private_bytes(derive(secret, "check-tokens")),
        fingerprint=fingerprint,
        lead_file_key=derive(secret, "lead-files"),
        identity_key=derive(secret, "identity"),
        identity_index_key=derive(secret, "identity-index"),
    )
