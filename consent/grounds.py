"""The grounds of a call besides a lead: consents given and withdrawn, customer relations begun and fulfilled."""

import json
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from consent.models import Consent, ConsentWithdrawal, CustomerRelation, RelationVersion
from consent.terms import (
    EVERY_CHANNEL,
    Channel,
    delivering_file,
    product_type,
    read_channels,
    with_file_as_known,
    written_channels,
)
from core.access import Caller, Right
from core.changes import ChangeKind, NewChange, announce
from core.clock import CLOCK_SLACK, utc
from core.database import inserted, lock_key, number_lock
from core.errors import InvalidInput, NotFound
from core.ids import new_id
from core.ledger import Event, payload_digest, put_on_record
from core.naming import NOTE_LENGTH, VIA_LENGTH, insert_named
from core.numbers import Number
from core.secrets import Keyring
from core.sellers import Seller

TEXT_VERSION, REFERENCE, REASON, EVIDENCE = 100, 100, 500, 20_000
"""How many characters of each are kept; a longer text is refused, never cut."""
BY_OPT_OUT = "opt_out"
"""How a consent was withdrawn by a person who said no to the calls themselves."""
RELATION_LOCKS = 0x52494E47_020000  # PostgreSQL advisory locks: the contracts on one number, one by one


def record_consent(
    session: Session,
    caller: Caller,
    *,
    seller_id: str,
    number: Number,
    channels: frozenset[Channel],
    names_seller: bool,
    text_version: str,
    evidence: Mapping[str, object],
    given_at: datetime,
    expires_at: datetime | None,
    now: datetime,
    keyring: Keyring,
    is_file_on_record: Callable[[str], bool] | None = None,
) -> Consent:
    """Put on record a permission that a person gave to a seller, with the proof of it (GDPR art. 7.1).

    ``evidence`` says who took it, how and where it can be found again: form, address, recording. It is kept with the
    consent and never in the ledger. One that names the lead file it came with (``delivering_file``) stands only while
    that file, its source and its supplier are not paused; whoever does not know the file to be there gives
    ``is_file_on_record``, which says of an id whether it is one of the seller's. The same consent sent twice is two
    records of one permission, which changes no answer.

    Raises:
        NotFound: there is no such seller that the caller may act for.
        InvalidInput: no channel, text version or evidence; a lead file that is not there; given in the future; over
            before it was given. ``errors`` lists every mistake.
    """
    caller.require(Right.RECORD_GROUNDS)
    _require_seller(session, caller, seller_id)
    evidence = with_file_as_known(evidence)
    proof = json.dumps(evidence, ensure_ascii=False, sort_keys=True, default=str)
    lead_file_id = delivering_file(evidence)
    mistakes = [*_consent_mistakes(channels, text_version, evidence, proof, given_at, expires_at, now)]
    if lead_file_id is not None and is_file_on_record is not None and not is_file_on_record(lead_file_id):
        mistakes.append("evidence: the seller has no lead file of that id, so no pause could take the consent away")
    _refuse(mistakes)
    consent = Consent(
        id=new_id(),
        seller_id=seller_id,
        number=number.value,
        channels=written_channels(channels),
        names_seller=names_seller,
        text_version=text_version.strip(),
        evidence=proof,
        given_at=given_at,
        expires_at=expires_at,
        recorded_at=now,
        recorded_by=caller.actor,
        lead_file_id=lead_file_id,
    )
    session.add(consent)
    session.flush()
    payload = {
        "number": keyring.number_hash(number.value),
        "channels": consent.channels,
        "names_seller": names_seller,
        "text_version": consent.text_version,
        "evidence_sha256": payload_digest(proof),
        "given_at": utc(given_at),
        "expires_at": utc(expires_at),
        "recorded_at": utc(now),
    }
    put_on_record(session, Event("consent.recorded", consent.id, caller.actor, seller_id, payload))
    return consent


def _consent_mistakes(
    channels: frozenset[Channel],
    text_version: str,
    evidence: Mapping[str, object],
    proof: str,
    given_at: datetime,
    expires_at: datetime | None,
    now: datetime,
) -> Iterator[str]:
    if not channels:
        yield "channels: name at least one"
    yield from _text_mistakes("text_version", text_version, TEXT_VERSION)
    if not any(str(key).strip() and value not in (None, "", [], {}) for key, value in evidence.items()):
        yield "evidence: say who took the consent, how, and where the proof is"
    if len(proof) > EVIDENCE:
        yield f"evidence: at most {EVIDENCE} characters as JSON"
    if given_at > now + CLOCK_SLACK:
        yield "given_at: lies in the future"
    if expires_at is not None and expires_at <= given_at:
        yield "expires_at: must come after given_at"


def withdraw_consent(
    session: Session,
    caller: Caller,
    *,
    consent_id: str,
    withdrawn_at: datetime,
    via: str,
    note: str,
    now: datetime,
    keyring: Keyring,
) -> ConsentWithdrawal:
    """End a consent at the person's wish, from this moment on (GDPR art. 7.3), and tell the dialers.

    A consent that is withdrawn already stays as it was first withdrawn; said again later, the wish ends what was agreed
    to since, for the same channels. Idempotent but for that.

    Raises:
        NotFound: there is no such consent, or it is another seller's; the two are not told apart.
        InvalidInput: withdrawn in the future, no word of how, or a note too long; ``errors`` lists every mistake.
    """
    caller.require(Right.RECORD_GROUNDS)
    consent = session.get(Consent, consent_id)
    if consent is None or caller.seller_id not in (None, consent.seller_id):
        raise NotFound("there is no consent with that id")
    _refuse(_withdrawal_mistakes(withdrawn_at, via, note, now))
    wish = _Wish(min(withdrawn_at, now), via.strip(), note.strip(), now)
    first = session.get(ConsentWithdrawal, consent.id)
    if first is None:
        return _end(session, caller, keyring, consent, wish)
    for other in _agreed_to_since(session, consent, first, wish.withdrawn_at):
        _end(session, caller, keyring, other, wish)
    return first


def end_what_a_no_withdrew(
    session: Session,
    caller: Caller,
    *,
    number: int,
    seller_id: str | None,
    channels: frozenset[Channel],
    said_at: datetime,
    now: datetime,
    keyring: Keyring,
) -> None:
    """End what the person had agreed to when saying no to these channels: leaving the list gives no consent back.

    ``seller_id`` None means every seller. Whoever may release an opt-out may do this. Idempotent.
    By ix_consents_number.
    """
    query = (
        select(Consent)
        .outerjoin(ConsentWithdrawal, ConsentWithdrawal.consent_id == Consent.id)
        .where(Consent.number == number, ConsentWithdrawal.consent_id.is_(None), Consent.given_at <= said_at)
        .order_by(Consent.id)
    )
    if seller_id is not None:
        query = query.where(Consent.seller_id == seller_id)
    wish = _Wish(said_at, BY_OPT_OUT, "", now)
    for one in session.scalars(query).all():
        if channels & read_channels(one.channels):
            _end(session, caller, keyring, one, wish)


@dataclass(frozen=True, slots=True)
class _Wish:
    """A person's wish to end a consent: when it was said, how, and when that was recorded."""

    withdrawn_at: datetime
    via: str
    note: str
    recorded_at: datetime


def _agreed_to_since(
    session: Session, consent: Consent, ended: ConsentWithdrawal, until: datetime
) -> Sequence[Consent]:
    """Return what stands of the person's consents to the seller for one of the channels, given since the end of this
    one. By ix_consents_number."""
    query = (
        select(Consent)
        .outerjoin(ConsentWithdrawal, ConsentWithdrawal.consent_id == Consent.id)
        .where(Consent.number == consent.number, Consent.seller_id == consent.seller_id)
        .where(ConsentWithdrawal.consent_id.is_(None))
        .where(Consent.given_at > max(ended.withdrawn_at, consent.given_at), Consent.given_at <= until)
        .order_by(Consent.id)
    )
    channels = read_channels(consent.channels)
    return [one for one in session.scalars(query) if channels & read_channels(one.channels)]


def _end(session: Session, caller: Caller, keyring: Keyring, consent: Consent, wish: _Wish) -> ConsentWithdrawal:
    """Return the end of the consent: by this wish, or by the one that another request was faster with."""
    withdrawal = ConsentWithdrawal(
        consent_id=consent.id,
        withdrawn_at=wish.withdrawn_at,
        via=wish.via,
        note=wish.note,
        recorded_at=wish.recorded_at,
        recorded_by=caller.actor,
    )
    if not inserted(session, withdrawal):  # withdrawn by another request since it was looked for
        return session.get_one(ConsentWithdrawal, consent.id)
    payload = {
        "number": keyring.number_hash(consent.number),
        "withdrawn_at": utc(withdrawal.withdrawn_at),
        "via": withdrawal.via,
        "recorded_at": utc(withdrawal.recorded_at),
    }
    put_on_record(session, Event("consent.withdrawn", consent.id, caller.actor, consent.seller_id, payload))
    _retract(session, consent.id, consent.number, consent.seller_id, consent.channels, withdrawal.recorded_at)
    return withdrawal


def _retract(session: Session, ground_id: str, number: int, seller_id: str, channels: str, now: datetime) -> None:
    """Tell the dialers that what may have permitted a call is gone."""
    announce(session, NewChange(now, ChangeKind.RETRACTION, number, seller_id, ground_id, channels))


def _withdrawal_mistakes(withdrawn_at: datetime, via: str, note: str, now: datetime) -> Iterator[str]:
    if withdrawn_at > now + CLOCK_SLACK:
        yield "withdrawn_at: lies in the future"
    yield from _text_mistakes("via", via, VIA_LENGTH)
    if len(note) > NOTE_LENGTH:
        yield f"note: at most {NOTE_LENGTH} characters"


def record_relation(
    session: Session,
    caller: Caller,
    *,
    seller_id: str,
    number: Number,
    product: str,
    reference: str,
    started_at: datetime,
    fulfilled_at: datetime | None,
    now: datetime,
    keyring: Keyring,
    reopened_reason: str | None = None,
) -> CustomerRelation:
    """Put on record a contract of a product type between a person and a seller, or that it is fulfilled.

    A contract is known by seller, number, product and the seller's own reference: sent again, its dates become what
    is sent; each version is kept. ``product`` is read as a campaign's is, by ``product_type``; capitals, spaces and
    Unicode forms do not make another reference. One that was fulfilled runs again, or was fulfilled later, only with
    ``reopened_reason``, which goes on record: each lets calls be made that were not allowed before. Dialers are told of
    one that ends sooner, or began later, than was on record.

    Raises:
        NotFound: there is no such seller that the caller may act for.
        AlreadyExists: another request records the same relation at this moment; send it again.
        InvalidInput: no product type or reference, started or fulfilled in the future, fulfilled before it started, or
            reopened without a reason; ``errors`` lists every mistake.
    """
    caller.require(Right.RECORD_GROUNDS)
    _require_seller(session, caller, seller_id)
    sold = product_type(product) or ""
    _refuse(_relation_mistakes(sold, reference, started_at, fulfilled_at, now))
    lock_key(session, number_lock(RELATION_LOCKS, number.value))
    known = _written_alike(session, seller_id, number, sold, reference.strip())
    if not known:
        fresh = CustomerRelation(
            id=new_id(),
            seller_id=seller_id,
            number=number.value,
            product=sold,
            reference=reference.strip(),
            started_at=started_at,
            fulfilled_at=fulfilled_at,
            recorded_at=now,
            recorded_by=caller.actor,
        )
        insert_named(session, fresh, "the same relation is being recorded by another request now")
        _put_version_on_record(session, fresh, keyring, None)
        return fresh
    reason = None
    if any(_reopens(one.fulfilled_at, fulfilled_at) for one in known):
        _refuse(_text_mistakes("reopened_reason", reopened_reason or "", REASON))
        reason = (reopened_reason or "").strip()
    for one in known:
        before = one.started_at, one.fulfilled_at
        if before != (started_at, fulfilled_at):
            one.started_at, one.fulfilled_at = started_at, fulfilled_at
            one.recorded_at, one.recorded_by = now, caller.actor
            _put_version_on_record(session, one, keyring, reason)
            if _reopens(fulfilled_at, before[1]) or started_at > before[0]:
                _retract(session, one.id, number.value, seller_id, EVERY_CHANNEL, now)
    return known[0]


def end_doubled_relations(session: Session, caller: Caller, *, now: datetime, keyring: Keyring) -> int:
    """Let every contract that is on record more than once end when the first of its rows does; return how many ended.

    Such rows were made by requests at the same moment, with two spellings of one reference, or by versions that took
    two spellings of a product for two products. Idempotent.
    """
    key = CustomerRelation.seller_id, CustomerRelation.number
    ended = 0
    for seller_id, number in session.execute(select(*key).group_by(*key).having(func.count() > 1)).all():
        alike: dict[tuple[str, str], list[CustomerRelation]] = defaultdict(list)
        for relation in _relations(session, seller_id, number):
            product = product_type(relation.product) or relation.product
            alike[product, _folded(relation.reference)].append(relation)
        for doubled in alike.values():
            first = min((one.fulfilled_at for one in doubled if one.fulfilled_at is not None), default=None)
            for one in doubled:
                if one.fulfilled_at != first:
                    one.fulfilled_at, one.recorded_at, one.recorded_by = first, now, caller.actor
                    _put_version_on_record(session, one, keyring, None)
                    _retract(session, one.id, number, seller_id, EVERY_CHANNEL, now)
                    ended += 1
    return ended


def _put_version_on_record(
    session: Session, relation: CustomerRelation, keyring: Keyring, reopened_reason: str | None
) -> None:
    """Keep the relation's dates as they are recorded now, in a version and in the ledger; it is locked, or new."""
    session.flush()
    newest = session.scalar(select(func.max(RelationVersion.version)).where(RelationVersion.relation_id == relation.id))
    session.add(
        RelationVersion(
            relation_id=relation.id,
            version=1 + (newest or 0),
            started_at=relation.started_at,
            fulfilled_at=relation.fulfilled_at,
            recorded_at=relation.recorded_at,
            recorded_by=relation.recorded_by,
            reopened_reason=reopened_reason,
        )
    )
    payload = {
        "number": keyring.number_hash(relation.number),
        "product": relation.product,
        "started_at": utc(relation.started_at),
        "fulfilled_at": utc(relation.fulfilled_at),
        "recorded_at": utc(relation.recorded_at),
    }
    payload |= {"reopened_reason": reopened_reason} if reopened_reason is not None else {}
    put_on_record(session, Event("relation.recorded", relation.id, relation.recorded_by, relation.seller_id, payload))


def _reopens(before: datetime | None, fulfilled_at: datetime | None) -> bool:
    return before is not None and (fulfilled_at is None or fulfilled_at > before)


def _written_alike(
    session: Session, seller_id: str, number: Number, product: str, reference: str
) -> list[CustomerRelation]:
    """Return the rows of the contract, locked for this unit of work: the one whose reference is written so first.

    There is one, or none; more where requests with two spellings once came at the same moment.
    """
    known = _relations(session, seller_id, number.value, product)
    alike = [relation for relation in known if _folded(relation.reference) == _folded(reference)]
    return sorted(alike, key=lambda relation: relation.reference != reference)


def _relations(session: Session, seller_id: str, number: int, product: str | None = None) -> Sequence[CustomerRelation]:
    """Return a person's contracts, of one product or all, locked for the unit of work. By the unique constraint."""
    query = select(CustomerRelation).where(CustomerRelation.seller_id == seller_id, CustomerRelation.number == number)
    if product is not None:
        query = query.where(CustomerRelation.product == product)
    return session.scalars(query.order_by(CustomerRelation.id).with_for_update()).all()


def _folded(reference: str) -> str:
    """Return the reference as it reads: another form of the same letters, a capital or a space makes no other contract.

    Contracts taken for one end together, which stops calls; one contract taken for two would never end.
    """
    return "".join(unicodedata.normalize("NFKC", reference).casefold().split())


def _relation_mistakes(
    sold: str, reference: str, started_at: datetime, fulfilled_at: datetime | None, now: datetime
) -> Iterator[str]:
    if not sold:
        yield "product: 1 to 60 letters a-z, digits and inner hyphens or underscores, as a campaign's"
    yield from _text_mistakes("reference", reference, REFERENCE)
    if started_at > now + CLOCK_SLACK:
        yield "started_at: lies in the future"
    if fulfilled_at is not None and fulfilled_at > now + CLOCK_SLACK:
        yield "fulfilled_at: lies in the future; send it once the contract is fulfilled"
    if fulfilled_at is not None and fulfilled_at < started_at:
        yield "fulfilled_at: comes before started_at"


def _text_mistakes(name: str, text: str, length: int) -> Iterator[str]:
    if not text.strip():
        yield f"{name}: must not be empty"
    elif len(text.strip()) > length:
        yield f"{name}: at most {length} characters"


def _refuse(mistakes: Iterable[str]) -> None:
    found = list(mistakes)
    if found:
        raise InvalidInput("; ".join(found), extra={"errors": found})


def _require_seller(session: Session, caller: Caller, seller_id: str) -> None:
    if caller.seller_id not in (None, seller_id) or session.get(Seller, seller_id) is None:
        raise NotFound("there is no such seller")
