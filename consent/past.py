"""Consents and customer relations with all that is needed to say how they stood at a past moment."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from consent.models import Consent, ConsentWithdrawal, CustomerRelation, RelationVersion
from consent.terms import Channel, read_channels
from core.database import any_of, any_of_value
from core.prepared import Prepared, read_instant, read_instant_or_none
from core.standing import NUMBERS


@dataclass(frozen=True, slots=True)
class PastConsent:
    """A consent and its withdrawal, if there is one, each with when it was true and when it was recorded.

    ``lead_file_id``: the lead file that it came with, None if none is named.
    """

    id: str
    seller_id: str
    channels: frozenset[Channel]
    names_seller: bool
    given_at: datetime
    expires_at: datetime | None
    recorded_at: datetime
    recorded_by: str
    withdrawn_at: datetime | None
    withdrawal_recorded_at: datetime | None
    withdrawal_recorded_by: str | None
    lead_file_id: str | None


@dataclass(frozen=True, slots=True)
class PastVersion:
    """A customer relation's dates, as they were recorded once."""

    started_at: datetime
    fulfilled_at: datetime | None
    recorded_at: datetime
    recorded_by: str


@dataclass(frozen=True, slots=True)
class PastRelation:
    """A customer relation with every version of its dates, oldest first; there is at least one."""

    id: str
    seller_id: str
    product: str
    versions: tuple[PastVersion, ...]

    def known(self, at: datetime) -> PastVersion | None:
        """Return the version that was on record at ``at``; None if there was none yet."""
        for version in reversed(self.versions):
            if version.recorded_at <= at:
                return version
        return None


_CONSENTS = Prepared(
    select(
        Consent.number,
        Consent.id,
        Consent.seller_id,
        Consent.channels,
        Consent.names_seller,
        Consent.given_at,
        Consent.expires_at,
        Consent.recorded_at,
        Consent.recorded_by,
        ConsentWithdrawal.withdrawn_at,
        ConsentWithdrawal.recorded_at,
        ConsentWithdrawal.recorded_by,
        Consent.lead_file_id,
    )
    .outerjoin(ConsentWithdrawal, ConsentWithdrawal.consent_id == Consent.id)
    .where(any_of(Consent.number, NUMBERS))
)
_RELATIONS = Prepared(
    select(
        CustomerRelation.number,
        CustomerRelation.id,
        CustomerRelation.seller_id,
        CustomerRelation.product,
        RelationVersion.started_at,
        RelationVersion.fulfilled_at,
        RelationVersion.recorded_at,
        RelationVersion.recorded_by,
    )
    .join(RelationVersion, RelationVersion.relation_id == CustomerRelation.id)
    .where(any_of(CustomerRelation.number, NUMBERS))
    .order_by(CustomerRelation.id, RelationVersion.version)
)


def past_consents(connection: Connection, numbers: Collection[int]) -> dict[int, list[PastConsent]]:
    """Return every consent on the numbers, to whichever seller; by number, then in the order of ids.

    Served by ix_consents_number.
    """
    given: dict[str, object] = {"numbers": any_of_value(connection.dialect.name, numbers)}
    found: dict[int, list[PastConsent]] = {}
    for number, id_, seller_id, channels, names, *row in _CONSENTS.rows(connection, given):
        given_at, expires_at, recorded_at, recorded_by, withdrawn_at, withdrawal_at, withdrawal_by, lead_file_id = row
        consent = PastConsent(
            id=id_,
            seller_id=seller_id,
            channels=read_channels(channels),
            names_seller=bool(names),
            given_at=read_instant(given_at),
            expires_at=read_instant_or_none(expires_at),
            recorded_at=read_instant(recorded_at),
            recorded_by=recorded_by,
            withdrawn_at=read_instant_or_none(withdrawn_at),
            withdrawal_recorded_at=read_instant_or_none(withdrawal_at),
            withdrawal_recorded_by=withdrawal_by,
            lead_file_id=lead_file_id,
        )
        found.setdefault(number, []).append(consent)
    for consents in found.values():
        consents.sort(key=lambda consent: consent.id)
    return found


def past_relations(connection: Connection, numbers: Collection[int]) -> dict[int, list[PastRelation]]:
    """Return every customer relation on the numbers, of whichever seller; by number, then in the order of ids.

    Served by ix_customer_relations_number and pk_relation_versions.
    """
    given: dict[str, object] = {"numbers": any_of_value(connection.dialect.name, numbers)}
    versions: dict[tuple[int, str, str, str], list[PastVersion]] = {}
    for number, id_, seller_id, product, started_at, fulfilled_at, recorded_at, by in _RELATIONS.rows(
        connection, given
    ):
        version = PastVersion(
            read_instant(started_at), read_instant_or_none(fulfilled_at), read_instant(recorded_at), by
        )
        versions.setdefault((number, id_, seller_id, product), []).append(version)
    found: dict[int, list[PastRelation]] = {}
    for number, id_, seller_id, product in sorted(versions, key=lambda key: key[1]):
        known = tuple(versions[number, id_, seller_id, product])
        found.setdefault(number, []).append(PastRelation(id_, seller_id, product, known))
    return found
