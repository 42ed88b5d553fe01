"""The API of grounds: consents, their withdrawal, and customer relations."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated

from pydantic import Field, JsonValue
from sqlalchemy.orm import Session

from consent.grounds import record_consent, record_relation, withdraw_consent
from consent.terms import Channel, read_channels
from core.access import Caller, Right
from core.errors import AlreadyExists, InvalidInput, NotFound
from core.naming import VIA_LENGTH
from core.numbers import Number, read_valid_number
from core.sellers import seller_of
from core.store import Store
from web.endpoint import Api, Document
from web.fields import Instant, Note, RawNumber

NumberText = Annotated[RawNumber, Field(description="A phone number in any usual spelling.")]
Region = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="Where a number without country code is dialled.")]
Slug = Annotated[str, Field(max_length=60)]


class NewConsent(Document):
    """A permission that a person gave to a seller."""

    number: NumberText
    region: Region = "SE"
    seller: Slug
    channels: Annotated[list[Channel], Field(min_length=1, max_length=len(Channel))]
    names_seller: bool = Field(description="The text that was ticked names this very seller.")
    text_version: Annotated[str, Field(max_length=100, description="Which wording the person agreed to.")]
    evidence: dict[str, JsonValue] = Field(
        description="Who took it, how, and where the proof is. `lead_file`: id of the seller's lead file it came with."
    )
    given_at: Instant
    expires_at: Instant | None = None


class ConsentDocument(Document):
    """A consent on record."""

    id: str
    seller: str
    channels: list[Channel]
    names_seller: bool
    text_version: str
    given_at: datetime
    expires_at: datetime | None
    recorded_at: datetime


class NewWithdrawal(Document):
    """The person's wish to end a consent; ``withdrawn_at`` is now if it is left out."""

    withdrawn_at: Instant | None = None
    via: Annotated[str, Field(max_length=VIA_LENGTH, description="How the person said so: phone, e-mail, letter …")]
    note: Note = ""


class WithdrawalDocument(Document):
    """A withdrawal on record; of a consent withdrawn twice, the first."""

    consent_id: str
    withdrawn_at: datetime
    recorded_at: datetime


class NewRelation(Document):
    """A contract of a product type between a person and a seller; sent again, its dates are replaced."""

    number: NumberText
    region: Region = "SE"
    seller: Slug
    product: Annotated[str, Field(max_length=60)]
    reference: Annotated[str, Field(max_length=100, description="The seller's own name for the contract.")]
    started_at: Instant
    fulfilled_at: Instant | None = None
    reopened_reason: Annotated[str, Field(min_length=1, max_length=500)] | None = Field(
        default=None, description="Why a contract that was fulfilled runs again, or was fulfilled later; on record."
    )


class RelationDocument(Document):
    """A customer relation on record; ``fulfilled_at`` is null while it runs."""

    id: str
    seller: str
    product: str
    reference: str
    started_at: datetime
    fulfilled_at: datetime | None
    recorded_at: datetime


def grounds_api(store: Store, has_lead_file: Callable[[Session, str, str], bool]) -> Api:
    """Return the endpoints of consents and customer relations.

    ``has_lead_file`` says whether a seller has a lead file, both by id: files are known further out.
    """
    api = Api("grounds", store)

    @api.post("/v1/consents", right=Right.RECORD_GROUNDS, status=201, problems=[NotFound, InvalidInput])
    def create_consent(body: NewConsent, caller: Caller, session: Session) -> ConsentDocument:
        """Put a consent on record, with its evidence."""
        seller = seller_of(session, caller, body.seller)
        consent = record_consent(
            session,
            caller,
            seller_id=seller.id,
            number=_number(body.number, body.region),
            channels=frozenset(body.channels),
            names_seller=body.names_seller,
            text_version=body.text_version,
            evidence=body.evidence,
            given_at=body.given_at,
            expires_at=body.expires_at,
            now=store.clock.now(),
            keyring=store.keyring,
            is_file_on_record=partial(has_lead_file, session, seller.id),
        )
        return ConsentDocument(
            id=consent.id,
            seller=body.seller,
            channels=sorted(read_channels(consent.channels)),
            names_seller=consent.names_seller,
            text_version=consent.text_version,
            given_at=consent.given_at,
            expires_at=consent.expires_at,
            recorded_at=consent.recorded_at,
        )

    @api.post(
        "/v1/consents/<consent_id>/withdraw",
        right=Right.RECORD_GROUNDS,
        repeatable=True,
        problems=[NotFound, InvalidInput],
    )
    def create_withdrawal(consent_id: str, body: NewWithdrawal, caller: Caller, session: Session) -> WithdrawalDocument:
        """End a consent at the person's wish; once withdrawn, a later wish ends what was agreed to since."""
        now = store.clock.now()
        withdrawal = withdraw_consent(
            session,
            caller,
            consent_id=consent_id,
            withdrawn_at=body.withdrawn_at or now,
            via=body.via,
            note=body.note,
            now=now,
            keyring=store.keyring,
        )
        return WithdrawalDocument(
            consent_id=withdrawal.consent_id,
            withdrawn_at=withdrawal.withdrawn_at,
            recorded_at=withdrawal.recorded_at,
        )

    @api.post("/v1/customer-relations", right=Right.RECORD_GROUNDS, problems=[NotFound, InvalidInput, AlreadyExists])
    def put_customer_relation(body: NewRelation, caller: Caller, session: Session) -> RelationDocument:
        """Put a customer relation on record, or its fulfilment."""
        relation = record_relation(
            session,
            caller,
            seller_id=seller_of(session, caller, body.seller).id,
            number=_number(body.number, body.region),
            product=body.product,
            reference=body.reference,
            started_at=body.started_at,
            fulfilled_at=body.fulfilled_at,
            now=store.clock.now(),
            keyring=store.keyring,
            reopened_reason=body.reopened_reason,
        )
        return RelationDocument(
            id=relation.id,
            seller=body.seller,
            product=relation.product,
            reference=relation.reference,
            started_at=relation.started_at,
            fulfilled_at=relation.fulfilled_at,
            recorded_at=relation.recorded_at,
        )

    return api


def _number(text: str, region: str) -> Number:
    read = read_valid_number(text, region=region)
    if isinstance(read, Number):
        return read
    raise InvalidInput("the number cannot be read", extra={"errors": [f"number: {read.value}"]})
