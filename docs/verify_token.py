"""Verify a check token of Ringklar offline. Needs Python 3.11 and the package cryptography, nothing else.

    python verify_token.py TOKEN --keys keys.json --number +46701740605 --campaign vinterel

``keys.json`` is what ``GET /v1/keys`` gave, had over a connection that is trusted. Exit code 1: do not call. A dialer's
own code may use ``refusal``. A token is what was true when the check was answered: it does not know of a later opt-out.
"""

import argparse
import base64
import json
import sys
import time
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ISSUER, TYPE, ALGORITHM = "ringklar", "ringklar-check+jwt", "EdDSA"
CLOCKS_DIFFER = 60  # seconds by which the service's clock may be ahead of this one


def decoded(part: str) -> bytes:
    """Return the bytes of a part in base64url without padding; ValueError for any other spelling of them."""
    content = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    if base64.urlsafe_b64encode(content).rstrip(b"=").decode() != part:
        raise ValueError("not base64url")
    return content


def refusal(token: str, keys: dict[str, Any], *, number: str, campaign: str, now: float) -> str | None:
    """Return why the call may not be made at ``now`` (seconds of Unix time) by this token, or None if it may."""
    try:
        head_part, claims_part, signature = token.split(".")
        head = json.loads(decoded(head_part))
        if (head["alg"], head["typ"], set(head)) != (ALGORITHM, TYPE, {"alg", "typ", "kid"}):
            return "not a check token"
        known = [key for key in keys["keys"] if (key["kid"], key["kty"], key["crv"]) == (head["kid"], "OKP", "Ed25519")]
        if not known:
            return "signed with a key that is not known"
        public = Ed25519PublicKey.from_public_bytes(decoded(known[0]["x"]))
        public.verify(decoded(signature), f"{head_part}.{claims_part}".encode())
        claims = json.loads(decoded(claims_part))
        issued, ends = float(claims["iat"]), float(claims["exp"])
        if claims["iss"] != ISSUER:
            return "not issued by Ringklar"
        if (claims["sub"], claims["campaign"]) != (number, campaign):
            return "for another number or another campaign"
    except InvalidSignature:
        return "the signature does not hold"
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return "not a check token"
    if not issued - CLOCKS_DIFFER <= now < ends:
        return "not valid now"
    return None


def main() -> int:
    """Say whether the call may be made; return the exit code."""
    parser = argparse.ArgumentParser(description="Verify a check token of Ringklar.")
    parser.add_argument("token")
    parser.add_argument("--keys", type=Path, required=True, help="what GET /v1/keys gave")
    parser.add_argument("--number", required=True, help="the number to call, in E.164: +46701740605")
    parser.add_argument("--campaign", required=True)
    given = parser.parse_args()
    try:
        keys = json.loads(given.keys.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        sys.stdout.write("must not be called: the keys cannot be read\n")
        return 1
    why = refusal(given.token, keys, number=given.number, campaign=given.campaign, now=time.time())
    sys.stdout.write("may be called\n" if why is None else f"must not be called: {why}\n")
    return 0 if why is None else 1


if __name__ == "__main__":
    sys.exit(main())
