"""Answers kept for requests that carry an Idempotency-Key: the same request again gets them, and does nothing twice."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.errors import Kind, ServiceError
from core.naming import insert_named
from web.models import KeptAnswer

KEPT_FOR = timedelta(hours=72)
"""For how long an answer is given again. A request that is sent once more after that is a new one."""


class IdempotencyConflict(ServiceError):
    """The Idempotency-Key was used for another request."""

    kind, code, title = Kind.CONFLICT, "idempotency-conflict", "The Idempotency-Key belongs to another request"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and the JSON text that goes with it."""

    status: int
    text: str


def answer_once(
    session: Session, work: Callable[[], Answer], *, caller_id: str, key: str, request_sha256: str, now: datetime
) -> Answer:
    """Return the answer kept under the caller's key or, if there is none that still counts, do the work and keep its.

    Raises:
        IdempotencyConflict: the key was used for another request.
        AlreadyExists: another request uses the key at this moment.
    """
    mine = (KeptAnswer.caller_id == caller_id, KeptAnswer.idempotency_key == key)
    kept = session.execute(
        select(KeptAnswer.request_sha256, KeptAnswer.status, KeptAnswer.body, KeptAnswer.created_at).where(*mine)
    ).one_or_none()
    if kept is not None and kept.created_at > now - KEPT_FOR:
        if kept.request_sha256 != request_sha256:
            raise IdempotencyConflict("choose a new key for a new request")
        return Answer(kept.status, kept.body)
    if kept is not None:
        session.execute(delete(KeptAnswer).where(*mine, KeptAnswer.created_at <= now - KEPT_FOR))
    answer = work()
    row = KeptAnswer(
        caller_id=caller_id,
        idempotency_key=key,
        request_sha256=request_sha256,
        status=answer.status,
        body=answer.text,
        created_at=now,
    )
    insert_named(session, row, "the same Idempotency-Key is being used by another request now")
    return answer


def forget_answers(session: Session, now: datetime) -> int:
    """Remove the answers that are not given again any more; return how many."""
    gone = session.execute(delete(KeptAnswer).where(KeptAnswer.created_at <= now - KEPT_FOR))
    return int(gone.rowcount)  # type: ignore[attr-defined] # a DELETE has a row count
