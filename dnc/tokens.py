"""Check tokens: a permission to call that a dialer verifies without asking again, and without Ringklar.

A token is a JWS in compact form (RFC 7515) with JWT claims (RFC 7519), signed with Ed25519 (RFC 8037). It says what the
check said when it was answered, to the second, and ends with it. An opt-out that comes after is not in it. The
algorithm bears the name that most libraries know, ``EdDSA``, rather than the newer ``Ed25519`` (RFC 9864).
"""

import base64
import json
from datetime import datetime
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dnc.answers import Answer

ISSUER, TYPE, ALGORITHM = "ringklar", "ringklar-check+jwt", "EdDSA"


class CheckTokens:
    """Signs answers that allow a call. One per process; safe for many threads."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = public_jwk(key)
        self._head = _part({"alg": ALGORITHM, "kid": self._public["kid"], "typ": TYPE})

    @property
    def key_set(self) -> dict[str, list[dict[str, str]]]:
        """The keys by which tokens are verified, as a JWK Set (RFC 7517)."""
        return {"keys": [self._public]}

    def token(self, answer: Answer) -> str | None:
        """Return the token of an answer; None unless the call may be made. Pure.

        ``exp`` is the second in which the answer ends, never one after it.
        """
        until = answer.decision.valid_until
        if not answer.decision.may_call or until is None or answer.number is None:
            return None
        said = json.loads(answer.common)
        claims = {
            "iss": ISSUER,
            "jti": answer.id,
            "iat": int(datetime.fromisoformat(said["checked_at"]).timestamp()),
            "exp": int(until.timestamp()),
            "sub": answer.number.e164,
            "campaign": said["campaign"],
            "seller": said["seller"],
            "policy": said["policy"],
        }
        signed = f"{self._head}.{_part(claims)}"
        return f"{signed}.{_encoded(self._key.sign(signed.encode()))}"

    def with_token(self, answer: Answer) -> str:
        """Return the answer as JSON text with its ``token``, which is null unless the call may be made."""
        return f'{answer.json[:-1]},"token":{json.dumps(self.token(answer))}}}'


def public_jwk(key: Ed25519PrivateKey) -> dict[str, str]:
    """Return the public key as a JWK; ``kid`` is its SHA-256 thumbprint (RFC 7638)."""
    x = _encoded(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    thumbprint = _encoded(sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest())
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": thumbprint, "use": "sig", "alg": ALGORITHM}


def _part(document: dict[str, object]) -> str:
    return _encoded(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
