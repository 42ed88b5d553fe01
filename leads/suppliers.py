"""Suppliers and their sources: added, paused and resumed. A pause takes effect at the next check."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from consent.terms import Basis
from core.access import Caller, Right
from core.errors import Forbidden, InvalidInput, NotFound
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.naming import check_slug, insert_named
from core.sellers import seller_of
from leads.models import LeadFile, Source, Supplier
from leads.terms import SourceKind

RETENTION_DAYS = 365
MAX_RETENTION_DAYS = 3650
SAY_LENGTH, NAME_LENGTH, ASSESSMENT_LENGTH = 500, 200, 200
_WORDS = re.compile(r"[a-z0-9]+")
_COMPANY_FORMS = frozenset(
    {"ab", "aktiebolag", "publ", "hb", "kb", "as", "asa", "aps", "oy", "oyj", "ltd", "inc", "gmbh"}
)
_TELLING_LENGTH = 5
_TELLING_WORDS = 2
_BRACKETED = re.compile(r"\([^)]*\)")


def add_supplier(
    session: Session, caller: Caller, *, slug: str, name: str, kind: SourceKind, now: datetime
) -> Supplier:
    """Return the new supplier.

    Raises:
        InvalidInput: the slug is malformed, or the name empty or longer than 200 characters.
        AlreadyExists: the slug is taken.
    """
    caller.require(Right.LOAD_LEADS)
    if not name.strip():
        raise InvalidInput("a supplier needs a name")
    if len(name.strip()) > NAME_LENGTH:
        raise InvalidInput(f"a supplier's name has at most {NAME_LENGTH} characters")
    supplier = Supplier(id=new_id(), slug=check_slug(slug), name=name.strip(), kind=kind.value, created_at=now)
    insert_named(session, supplier, f"a supplier named {slug} exists already")
    payload = {"slug": slug, "name": supplier.name, "kind": kind.value}
    put_on_record(session, Event("supplier.added", supplier.id, caller.actor, None, payload))
    return supplier


def add_source(
    session: Session,
    caller: Caller,
    *,
    slug: str,
    supplier: str,
    seller: str,
    name: str,
    basis: Basis | None,
    assessment: str | None,
    say: str,
    say_en: str | None,
    now: datetime,
    retention_days: int = RETENTION_DAYS,
) -> Source:
    """Return the new source; ``supplier`` and ``seller`` are slugs.

    What the caller is told to say about a bought list must tell neither who sold it nor which list it is. Legitimate
    interest without ``assessment`` (the balancing test's reference) is taken, but no lead of the source may be called
    until it has one.

    Raises:
        InvalidInput: a malformed slug, an empty name, nothing to say, words that name a list or its supplier, a text
            too long, or a retention outside 1 to 3,650 days; ``errors`` lists every mistake.
        NotFound: there is no such supplier, or no such seller that the caller may act for.
        AlreadyExists: the slug is taken.
    """
    caller.require(Right.LOAD_LEADS)
    owner, from_whom = seller_of(session, caller, seller), supplier_named(session, supplier)
    spoken = [text.strip() for text in (say, say_en or "")]
    mistakes = list(_mistakes(from_whom, slug, name, assessment, spoken, retention_days))
    if mistakes:
        raise InvalidInput("the source cannot be added", extra={"errors": mistakes})
    source = Source(
        id=new_id(),
        slug=check_slug(slug),
        supplier_id=from_whom.id,
        seller_id=owner.id,
        name=name.strip(),
        basis=None if basis is None else basis.value,
        assessment=(assessment or "").strip() or None,
        say=spoken[0],
        say_en=spoken[1] or None,
        retention_days=retention_days,
        created_at=now,
    )
    insert_named(session, source, f"a source named {slug} exists already")
    payload = {
        "slug": slug,
        "supplier": from_whom.slug,
        "name": source.name,
        "basis": source.basis,
        "assessment": source.assessment,
        "say": source.say,
        "say_en": source.say_en,
        "retention_days": retention_days,
    }
    put_on_record(session, Event("source.added", source.id, caller.actor, owner.id, payload))
    return source


def _mistakes(
    supplier: Supplier, slug: str, name: str, assessment: str | None, spoken: list[str], retention_days: int
) -> Iterable[str]:
    if not name.strip():
        yield "a source needs a name"
    if len(name.strip()) > NAME_LENGTH:
        yield f"a source's name has at most {NAME_LENGTH} characters"
    if len((assessment or "").strip()) > ASSESSMENT_LENGTH:
        yield f"the reference of the balancing test has at most {ASSESSMENT_LENGTH} characters"
    if not spoken[0]:
        yield "a source needs words to say in the call: where the person's number comes from (GDPR art. 14.2.f)"
    if any(len(text) > SAY_LENGTH for text in spoken):
        yield f"what is said has at most {SAY_LENGTH} characters"
    if supplier.kind == SourceKind.LIST:
        if any(names(text, supplier.name) or _tells_slug(text, supplier.slug) for text in spoken):
            yield "what is said about a bought list must not name its supplier"
        if any(names(text, name) or _tells_slug(text, slug) for text in spoken if name.strip()):
            yield "what is said about a bought list must not name its source"
    if not 1 <= retention_days <= MAX_RETENTION_DAYS:
        yield f"retention is 1 to {MAX_RETENTION_DAYS} days"


def names(text: str, name: str) -> bool:
    """Return whether ``text`` tells ``name``: whatever its case, accents, spacing and company form. Pure.

    What stands in brackets is no part of the name, and two neighbouring words of a longer name already tell it.
    """
    name = _BRACKETED.sub(" ", name).strip() or name
    words, told = _words(text), [word for word in _words(name) if word not in _COMPANY_FORMS] or _words(name)
    if not told:
        return name.strip().casefold() in text.casefold()
    parts = {tuple(told[at : at + _TELLING_WORDS]) for at in range(max(1, len(told) - _TELLING_WORDS + 1))}
    if any(tuple(words[at : at + len(part)]) == part for part in parts for at in range(len(words))):
        return True
    squashed = "".join(told)
    return len(squashed) >= _TELLING_LENGTH and squashed in "".join(words)


def _tells_slug(text: str, slug: str) -> bool:
    """Return whether ``text`` has the slug in it as a word, or as neighbouring words."""
    words, told = _words(text), _words(slug)
    return bool(told) and any(words[at : at + len(told)] == told for at in range(len(words)))


def _words(text: str) -> list[str]:
    return _WORDS.findall(
        "".join(
            letter for letter in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(letter)
        )
    )


def supplier_named(session: Session, slug: str) -> Supplier:
    """Return the supplier with that slug.

    Raises:
        NotFound: there is none.
    """
    supplier = session.scalar(select(Supplier).where(Supplier.slug == slug))
    if supplier is None:
        raise NotFound("there is no supplier with that slug")
    return supplier


def source_of(session: Session, caller: Caller, slug: str) -> Source:
    """Return the source with that slug if it belongs to a seller that the caller may act for.

    Raises:
        NotFound: there is none, or it is not the caller's; the two are not told apart.
    """
    source = session.scalar(select(Source).where(Source.slug == slug))
    if source is None or caller.seller_id not in (None, source.seller_id):
        raise NotFound("there is no source with that slug")
    return source


def lead_file_of(session: Session, caller: Caller, lead_file_id: str) -> tuple[LeadFile, Source]:
    """Return the lead file and its source, if the caller may act for the seller.

    Raises:
        NotFound: there is none, or it is not the caller's; the two are not told apart.
    """
    found = session.execute(
        select(LeadFile, Source).join(Source, Source.id == LeadFile.source_id).where(LeadFile.id == lead_file_id)
    ).one_or_none()
    if found is None or caller.seller_id not in (None, found[1].seller_id):
        raise NotFound("there is no lead file with that id")
    return found[0], found[1]


def pause_supplier(session: Session, caller: Caller, *, slug: str, reason: str, now: datetime) -> None:
    """Deny every lead of the supplier from the next check on, for every seller; once paused, nothing changes.

    Raises:
        InvalidInput: no reason is given.
        NotFound: there is no such supplier.
        Forbidden: the caller acts for one seller only, and a supplier serves all.
    """
    supplier = _for_every_seller(session, caller, slug)
    _pause(session, caller, supplier, None, reason, now)


def resume_supplier(session: Session, caller: Caller, *, slug: str) -> None:
    """End the supplier's pause, if it is paused. Raises as ``pause_supplier``."""
    _resume(session, caller, _for_every_seller(session, caller, slug), None)


def pause_source(session: Session, caller: Caller, *, slug: str, reason: str, now: datetime) -> None:
    """Deny every lead of the source from the next check on; once paused, nothing changes.

    Raises:
        InvalidInput: no reason is given.
        NotFound: there is no such source for this caller.
    """
    caller.require(Right.PAUSE_SOURCES)
    source = source_of(session, caller, slug)
    _pause(session, caller, source, source.seller_id, reason, now)


def resume_source(session: Session, caller: Caller, *, slug: str) -> None:
    """End the source's pause, if it is paused. Raises as ``pause_source``."""
    caller.require(Right.PAUSE_SOURCES)
    source = source_of(session, caller, slug)
    _resume(session, caller, source, source.seller_id)


def pause_lead_file(session: Session, caller: Caller, *, lead_file_id: str, reason: str, now: datetime) -> None:
    """Deny every lead of the file from the next check on; once paused, nothing changes.

    Raises:
        InvalidInput: no reason is given.
        NotFound: there is no such file for this caller.
    """
    caller.require(Right.PAUSE_SOURCES)
    lead_file, source = lead_file_of(session, caller, lead_file_id)
    _pause(session, caller, lead_file, source.seller_id, reason, now)


def resume_lead_file(session: Session, caller: Caller, *, lead_file_id: str) -> None:
    """End the file's pause, if it is paused. Raises as ``pause_lead_file``."""
    caller.require(Right.PAUSE_SOURCES)
    lead_file, source = lead_file_of(session, caller, lead_file_id)
    _resume(session, caller, lead_file, source.seller_id)


def _for_every_seller(session: Session, caller: Caller, slug: str) -> Supplier:
    caller.require(Right.PAUSE_SOURCES)
    if caller.seller_id is not None:
        raise Forbidden("a supplier serves every seller: pause your own sources instead")
    return supplier_named(session, slug)


Pausable = Supplier | Source | LeadFile
_KINDS: dict[type[Pausable], str] = {Supplier: "supplier", Source: "source", LeadFile: "lead_file"}


def _pause(
    session: Session, caller: Caller, thing: Pausable, seller_id: str | None, reason: str, now: datetime
) -> None:
    if not reason.strip():
        raise InvalidInput("a pause needs a reason")
    if thing.paused_at is not None:
        return
    thing.paused_at, thing.paused_reason = now, reason.strip()
    session.flush()
    kind = f"{_KINDS[type(thing)]}.paused"
    put_on_record(session, Event(kind, thing.id, caller.actor, seller_id, {"reason": thing.paused_reason}))


def _resume(session: Session, caller: Caller, thing: Pausable, seller_id: str | None) -> None:
    if thing.paused_at is None:
        return
    was = thing.paused_reason
    thing.paused_at = thing.paused_reason = None
    session.flush()
    put_on_record(session, Event(f"{_KINDS[type(thing)]}.resumed", thing.id, caller.actor, seller_id, {"was": was}))
