"""The terms of a source: what the person was shown, where and when, and which companies it named."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.errors import InvalidInput
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.naming import NAME_LENGTH
from core.sellers import Seller
from leads.evidence import is_among, plain_name
from leads.models import Source, SourceSeller, SourceTerms
from leads.suppliers import source_of

TEXT_LENGTH, URL_LENGTH = 100_000, 1000
MAX_NAMES = 500
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Terms:
    """One version of a source's terms, with the companies that it names as ones that may call.

    ``shown_from`` and ``shown_until`` are the first and last day it was shown, in local time; None: not known, and not
    ended.
    """

    version: int
    text: str
    sha256: str
    page_url: str | None
    shown_from: date | None
    shown_until: date | None
    names: tuple[str, ...]
    added_at: datetime
    added_by: str

    def names_seller(self, seller: Seller) -> bool:
        """Return whether the seller is named, by its name or its slug, whatever the case and Unicode form."""
        return is_among(self.names, seller_name=seller.name, seller_slug=seller.slug)


def add_terms(
    session: Session,
    caller: Caller,
    *,
    source_slug: str,
    text: str,
    page_url: str | None,
    shown_from: date | None,
    shown_until: date | None,
    names: Sequence[str],
    now: datetime,
) -> Terms:
    """Return the new version of the source's terms; what the newest version says already is no new one.

    A version is never edited or removed: what was wrong in one is right in the next. ``names`` are the companies that
    the person agreed to hear from, each as it stands in the text (GDPR art. 4.11, 7.1: consent is for those named).

    Raises:
        InvalidInput: no text, a name that does not stand in it, an address that is none, an end before the beginning,
            or something too long; ``errors`` lists every mistake.
        NotFound: there is no such source for this caller.
    """
    caller.require(Right.LOAD_LEADS)
    source = source_of(session, caller, source_slug)
    given = tuple(dict.fromkeys(_SPACES.sub(" ", name).strip() for name in names))
    url = (page_url or "").strip() or None
    mistakes = list(_mistakes(text, url, shown_from, shown_until, given))
    if mistakes:
        raise InvalidInput("the terms cannot be filed", extra={"errors": mistakes})
    session.execute(select(Source.no).where(Source.id == source.id).with_for_update(key_share=True))
    newest = newest_terms(session, [source.id]).get(source.id)
    told = (text, url, shown_from, shown_until, tuple(sorted(given)))
    if newest is not None and told == (
        newest.text,
        newest.page_url,
        newest.shown_from,
        newest.shown_until,
        newest.names,
    ):
        return newest
    row = SourceTerms(
        id=new_id(),
        source_id=source.id,
        version=1 if newest is None else newest.version + 1,
        text=text,
        sha256=text_sha256(text),
        page_url=url,
        shown_from=shown_from,
        shown_until=shown_until,
        added_at=now,
        added_by=caller.actor,
    )
    session.add(row)
    session.flush()
    session.add_all([SourceSeller(terms_id=row.id, name=name) for name in given])
    session.flush()
    payload = {
        "source": source.slug,
        "version": row.version,
        "sha256": row.sha256,
        "page_url": url,
        "shown_from": _day(shown_from),
        "shown_until": _day(shown_until),
        "names": sorted(given),
    }
    put_on_record(session, Event("source.terms_added", row.id, caller.actor, source.seller_id, payload))
    return _terms(row, given)


def terms_of(session: Session, source_id: str) -> Sequence[Terms]:
    """Return every version of the source's terms, newest first. Served by uq_source_terms_source_id_version."""
    rows = session.scalars(
        select(SourceTerms).where(SourceTerms.source_id == source_id).order_by(SourceTerms.version.desc())
    ).all()
    return [terms for _, terms in _with_names(session, rows)]


def newest_terms(session: Session, source_ids: Sequence[str]) -> Mapping[str, Terms]:
    """Return the newest version of each source's terms, by the source's id; those without terms are left out."""
    versions = (
        select(SourceTerms.source_id, func.max(SourceTerms.version).label("version"))
        .where(SourceTerms.source_id.in_(source_ids))
        .group_by(SourceTerms.source_id)
        .subquery()
    )
    is_newest = (SourceTerms.source_id == versions.c.source_id) & (SourceTerms.version == versions.c.version)
    rows = session.scalars(select(SourceTerms).join(versions, is_newest)).all()
    return {row.source_id: terms for row, terms in _with_names(session, rows)}


def text_sha256(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, in hex: that of the file which holds it and nothing else."""
    return hashlib.sha256(text.encode()).hexdigest()


def _with_names(session: Session, rows: Sequence[SourceTerms]) -> list[tuple[SourceTerms, Terms]]:
    """Return each row with what it says, read with its names."""
    named: dict[str, list[str]] = {row.id: [] for row in rows}
    found = select(SourceSeller).where(SourceSeller.terms_id.in_(named)).order_by(SourceSeller.name)
    for seller in session.scalars(found):
        named[seller.terms_id].append(seller.name)
    return [(row, _terms(row, named[row.id])) for row in rows]


def _terms(row: SourceTerms, names: Iterable[str]) -> Terms:
    return Terms(
        version=row.version,
        text=row.text,
        sha256=row.sha256,
        page_url=row.page_url,
        shown_from=row.shown_from,
        shown_until=row.shown_until,
        names=tuple(sorted(names)),
        added_at=row.added_at,
        added_by=row.added_by,
    )


def _mistakes(
    text: str, url: str | None, shown_from: date | None, shown_until: date | None, names: Sequence[str]
) -> Iterable[str]:
    if not text.strip():
        yield "there is no text"
    if len(text) > TEXT_LENGTH:
        yield f"the text has at most {TEXT_LENGTH} characters"
    if "\x00" in text:
        yield "the text holds a NUL character"
    if url is not None and not _is_address(url):
        yield f"the address of the page begins with https:// or http:// and has at most {URL_LENGTH} characters"
    if shown_until is not None and (shown_from is None or shown_until < shown_from):
        yield "the terms were shown until a day, and not from a day before it"
    if len(names) > MAX_NAMES:
        yield f"at most {MAX_NAMES} companies are named"
    for place, name in enumerate(names, start=1):
        if not name or len(name) > NAME_LENGTH:
            yield f"name {place} has not 1 to {NAME_LENGTH} characters"
        elif not _stands_in(name, text):
            yield f"name {place} does not stand in the text"


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return len(url) <= URL_LENGTH and parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable()


def _stands_in(name: str, text: str) -> bool:
    """Return whether the name stands in the text as words of its own, whatever case and line breaks."""
    return re.search(rf"(?<!\w){re.escape(plain_name(name))}(?!\w)", plain_name(text)) is not None


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
