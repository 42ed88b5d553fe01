"""Recipients: the processors that a seller hands leads to, each under a contract (GDPR art. 28)."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import ApiKey, Caller, Right
from core.errors import InvalidInput, NotFound
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.naming import check_name, check_slug, insert_named
from core.sellers import seller_of
from dnc.models import Recipient

CONTRACT_LENGTH = 100


class UnknownRecipient(NotFound):
    """No recipient of the caller's seller has this slug."""

    code, title = "unknown-recipient", "There is no such recipient"


def add_recipient(
    session: Session,
    caller: Caller,
    *,
    slug: str,
    seller: str,
    name: str,
    contract_reference: str,
    key_name: str | None,
    now: datetime,
) -> Recipient:
    """Return the new recipient: a processor that the seller has a contract with (GDPR art. 28), and no one else.

    ``key_name``: the API key by which it asks; a check of one of its canaries by another key is then a sighting.

    Raises:
        Forbidden: the caller may not export leads.
        NotFound: there is no such seller or key for the caller.
        InvalidInput: the slug is malformed, or the name or contract is missing or too long.
        AlreadyExists: the slug is taken.
    """
    caller.require(Right.EXPORT_LEADS)
    owner = seller_of(session, caller, seller)
    called = check_name(name, "a recipient")
    if not 1 <= len(contract_reference.strip()) <= CONTRACT_LENGTH:
        raise InvalidInput(f"name the contract under which it processes, in at most {CONTRACT_LENGTH} characters")
    key_id = None
    if key_name is not None:
        key_id = session.scalar(select(ApiKey.id).where(ApiKey.name == key_name, ApiKey.seller_id == owner.id))
        if key_id is None:
            raise NotFound("the seller has no key of that name")
    recipient = Recipient(
        id=new_id(),
        slug=check_slug(slug),
        seller_id=owner.id,
        name=called,
        contract_reference=contract_reference.strip(),
        key_id=key_id,
        created_at=now,
    )
    insert_named(session, recipient, f"a recipient named {slug} exists already")
    payload = {"slug": slug, "name": recipient.name, "contract": recipient.contract_reference, "key": key_id}
    put_on_record(session, Event("recipient.added", recipient.id, caller.actor, owner.id, payload))
    return recipient


def recipient_of(session: Session, seller_id: str | None, slug: str) -> Recipient:
    """Return the seller's recipient with that slug; None: any seller's.

    Raises:
        UnknownRecipient: there is none, or it is another seller's; the two are not told apart.
    """
    recipient = session.scalar(select(Recipient).where(Recipient.slug == slug))
    if recipient is None or seller_id not in (None, recipient.seller_id):
        raise UnknownRecipient("the seller has no recipient with that slug")
    return recipient
