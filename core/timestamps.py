"""Time stamps (RFC 3161): an authority outside says that a checkpoint was there at a moment, whoever holds our key.

What is stamped is the SHA-256 of a checkpoint's payload. The authority's answer is kept as it came, and the ledger says
so in an entry of kind ``checkpoint.stamped``, which vouches for every byte of it. Nothing waits for the network: no
transaction is open while the authority is asked, and its silence or its faults leave all else as it is.
"""

import hashlib
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, select
from sqlalchemy.orm import Mapped, mapped_column

from core.access import operator
from core.clock import utc
from core.database import Base
from core.errors import Kind, ServiceError
from core.ledger import Event, LedgerCheckpoint, put_on_record
from core.stamp_forms import in_order
from core.store import Store

STAMPED = "checkpoint.stamped"
"""The kind of the entry that says that a checkpoint was stamped, and with what."""
ANSWER_LIMIT = 64 * 1024
TIMEOUT_SECONDS = 10.0
SHA256_OID = "2.16.840.1.101.3.4.2.1"


class CheckpointTimestamp(Base):
    """An authority's answer for one checkpoint, as it came; append-only. ``stamped_at`` is the authority's own time."""

    __tablename__ = "checkpoint_timestamps"

    checkpoint_no: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("ledger_checkpoints.no"), primary_key=True, autoincrement=False
    )
    stamped_at: Mapped[datetime]
    authority: Mapped[str] = mapped_column(String(200))
    response: Mapped[bytes] = mapped_column(LargeBinary)


class TimestampFailed(ServiceError):
    """The authority gave no time stamp that verifies; it is asked again later."""

    kind, code, title = Kind.UNAVAILABLE, "timestamp-failed", "No time stamp could be had"


@dataclass(frozen=True, slots=True)
class Authority:
    """Who stamps: an address (http or https) and a file with the certificates (PEM) that its stamps must lead to.

    ``every``: how long after a stamp the next one is asked for.
    """

    url: str
    ca: Path
    every: timedelta = timedelta(hours=1)
    timeout: float = TIMEOUT_SECONDS

    @property
    def name(self) -> str:
        """The authority's host, by which the record knows it; the address may hold a password."""
        return urlsplit(self.url).hostname or "unknown"


def stamp_newest(store: Store, authority: Authority, now: datetime) -> int | None:
    """Have the newest checkpoint stamped and keep the stamp; return its number, or None if it is not time yet.

    It is time when the newest checkpoint has no stamp and the last stamp is older than ``authority.every``, or of a
    moment that has not come, by a clock that has been put back. Safe to repeat, and safe in two processes: one stamp a
    checkpoint is kept.

    Raises:
        TimestampFailed: the authority did not answer in time, refused, or its answer does not verify.
    """
    with store.reading() as session:
        newest = session.execute(
            select(LedgerCheckpoint.no, LedgerCheckpoint.payload).order_by(LedgerCheckpoint.no.desc()).limit(1)
        ).one_or_none()
        last = session.execute(
            select(LedgerCheckpoint.no, LedgerCheckpoint.at)
            .join(CheckpointTimestamp, CheckpointTimestamp.checkpoint_no == LedgerCheckpoint.no)
            .order_by(LedgerCheckpoint.no.desc())
            .limit(1)
        ).one_or_none()
    if newest is None or (last is not None and (last.no == newest.no or last.at <= now < last.at + authority.every)):
        return None
    no, payload = newest.no, newest.payload.encode()
    response, stamped_at = request_stamp(authority, payload)
    with store.writing() as session:
        if session.get(CheckpointTimestamp, no) is not None:
            return None
        session.add(
            CheckpointTimestamp(checkpoint_no=no, stamped_at=stamped_at, authority=authority.name, response=response)
        )
        put_on_record(
            session,
            Event(
                STAMPED,
                str(no),
                operator("jobs").actor,
                None,
                stamped_payload(authority.name, payload, response, stamped_at),
            ),
        )
    return int(no)


def stamped_payload(authority: str, stamped: bytes, response: bytes, stamped_at: datetime) -> dict[str, object]:
    """Return what the ledger says of a stamp: SHA-256 of what was stamped and of the answer, when and by whom. Pure."""
    return {
        "authority": authority,
        "checkpoint_sha256": hashlib.sha256(stamped).hexdigest(),
        "response_sha256": hashlib.sha256(response).hexdigest(),
        "stamped_at": utc(stamped_at),
    }


def request_stamp(authority: Authority, message: bytes) -> tuple[bytes, datetime]:
    """Return the authority's answer for ``message`` as DER, and the moment in it, having verified it.

    Raises:
        TimestampFailed: there is no answer in ``authority.timeout`` seconds, or none that verifies.
    """
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    asked = (
        TimestampRequestBuilder()
        .data(message)
        .hash_algorithm(HashAlgorithm.SHA256)
        .nonce(nonce=True)
        .cert_request(cert_request=True)
        .build()
    )
    response = _posted(authority, asked.as_bytes())
    try:
        verifying = StampVerifier(authority.ca.read_bytes(), nonce=asked.nonce)
    except OSError as error:
        raise TimestampFailed(f"the authority's certificates cannot be read ({type(error).__name__})") from error
    except ValueError as error:
        raise TimestampFailed("the authority's certificates are not PEM") from error
    fault = verifying.fault(response, hashlib.sha256(message).digest())
    if fault is not None:
        raise TimestampFailed(fault)
    return response, stamped_moment(response)


def _posted(authority: Authority, body: bytes) -> bytes:
    """Return what the authority answers, or give up when the time is over, however it dawdles."""
    got: list[bytes | Exception] = []

    def fetch() -> None:
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        request = urllib.request.Request(authority.url, body, headers)  # noqa: S310 - settings take http and https alone
        try:
            with urllib.request.urlopen(request, timeout=authority.timeout) as answer:  # noqa: S310
                got.append(answer.read(ANSWER_LIMIT + 1))
        except urllib.error.HTTPError as error:
            error.close()
            got.append(error)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, there is no answer
            got.append(error)

    asking = threading.Thread(target=fetch, name="timestamp", daemon=True)
    asking.start()
    asking.join(authority.timeout)
    answer = got[0] if got else TimeoutError()
    if isinstance(answer, urllib.error.HTTPError):
        raise TimestampFailed(f"the authority answered with status {answer.code}")
    if isinstance(answer, Exception):
        raise TimestampFailed(f"the authority did not answer ({type(answer).__name__})") from answer
    if len(answer) > ANSWER_LIMIT:
        raise TimestampFailed(f"the authority's answer is over {ANSWER_LIMIT} bytes")
    return answer


class StampVerifier:
    """Verifies stamps against an authority's certificates.

    Raises:
        ValueError: ``certificates`` is no PEM, or holds no certificate that signs itself.
    """

    def __init__(self, certificates: bytes, *, nonce: int | None = None) -> None:
        from cryptography import x509
        from rfc3161_client import VerifierBuilder

        found = x509.load_pem_x509_certificates(certificates)
        roots = [one for one in found if one.issuer == one.subject]
        if not roots:
            raise ValueError("there is no root certificate")
        between = [one for one in found if one.issuer != one.subject]
        self._verifier = VerifierBuilder(roots=roots, intermediates=between, nonce=nonce).build()

    def fault(self, response: bytes, digest: bytes) -> str | None:
        """Return in words why ``response`` is no stamp over this SHA-256, or None if it is one."""
        from rfc3161_client import VerificationError, decode_timestamp_response

        try:
            decoded = decode_timestamp_response(in_order(response))
            if decoded.status != 0:
                return f"the authority refused (status {decoded.status})"
            if decoded.tst_info.message_imprint.hash_algorithm.dotted_string != SHA256_OID:
                return "the stamp is over another kind of digest"
            self._verifier.verify(decoded, digest)
        except VerificationError as error:
            return f"the stamp does not verify: {error}"
        except ValueError:
            return "the answer is no time stamp"
        except Exception as error:  # noqa: BLE001 - whatever a library raises of a certificate that it cannot read
            return f"the stamp does not verify: {type(error).__name__}"
        return None

    def fault_of(self, response: bytes, digest: bytes, stamped_at: str) -> str | None:
        """Return in words why ``response`` is no stamp over this SHA-256 of the moment on record, or None if it is."""
        fault = self.fault(response, digest)
        if fault is None and utc(stamped_moment(response)) != stamped_at:
            fault = "the stamp is of another moment than it says"
        return fault


def stamped_moment(response: bytes) -> datetime:
    """Return the moment that a verified stamp states."""
    from rfc3161_client import decode_timestamp_response

    moment = decode_timestamp_response(in_order(response)).tst_info.gen_time
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
