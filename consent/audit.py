"""What the ledger must say of consents, their withdrawals, and customer relations."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from consent.models import Consent, ConsentWithdrawal, CustomerRelation, RelationVersion
from consent.terms import delivering_file
from core.audit import Recorded, entries_of, read_object
from core.clock import utc
from core.ledger import LedgerEntry, payload_digest
from core.verification import Finding


def _names_its_file(consent: Consent) -> bool:
    """Say whether the row tells of the same lead file as its evidence, which the ledger answers for."""
    return consent.lead_file_id == delivering_file(read_object(consent.evidence))


RECORDED = (
    Recorded(
        "consent.recorded",
        Consent,
        "id",
        lambda row, keyring: {
            "number": keyring.number_hash(row.number),
            "channels": row.channels,
            "names_seller": row.names_seller,
            "text_version": row.text_version,
            "evidence_sha256": payload_digest(row.evidence) if _names_its_file(row) else None,
            "given_at": utc(row.given_at),
            "expires_at": utc(row.expires_at),
            "recorded_at": utc(row.recorded_at),
        },
        "recorded_by",
    ),
    Recorded(
        "consent.withdrawn",
        ConsentWithdrawal,
        "consent_id",
        lambda row, _keyring: {
            "withdrawn_at": utc(row.withdrawn_at),
            "via": row.via,
            "recorded_at": utc(row.recorded_at),
        },
        "recorded_by",
    ),
    Recorded(
        "relation.recorded",
        CustomerRelation,
        "id",
        lambda row, keyring: {
            "number": keyring.number_hash(row.number),
            "product": row.product,
            "started_at": utc(row.started_at),
            "fulfilled_at": utc(row.fulfilled_at),
            "recorded_at": utc(row.recorded_at),
        },
        "recorded_by",
        changes=True,
    ),
)


def compare_versions(session: Session) -> list[Finding]:
    """Return a finding for each version of a relation that differs from its entry, is gone, or was put in beside it.

    The entries of a relation speak of its versions one by one, in order: each was made while it was locked. Where the
    payload of one was erased, the others must have their version and no version may be too many: what was erased before
    versions were kept has none.
    """
    said: dict[str, list[LedgerEntry]] = defaultdict(list)
    for entries in entries_of(session, "relation.recorded"):
        for entry in entries:
            said[entry.subject].append(entry)
    held: dict[str, list[RelationVersion]] = defaultdict(list)
    for version in session.scalars(
        select(RelationVersion).order_by(RelationVersion.relation_id, RelationVersion.version)
    ):
        held[version.relation_id].append(version)
    findings: list[Finding] = []
    for relation_id in sorted(said.keys() | held.keys()):
        ordered = sorted(said[relation_id], key=lambda entry: (entry.at, entry.chain, entry.seq))
        findings += _of_one(ordered, held[relation_id])
    return findings


def _of_one(said: Sequence[LedgerEntry], held: Sequence[RelationVersion]) -> Iterator[Finding]:
    """Yield what is wrong with the versions of one relation."""
    told = [_told(version) for version in held]
    if all(entry.payload is not None for entry in said):
        for no, (entry, version) in enumerate(zip(said, held, strict=False), start=1):
            wrong = [name for name, value in _said(entry).items() if told[no - 1][name] != value]
            wrong += [] if version.version == no else ["version"]
            if wrong:
                detail = f"the row of relation_versions differs in {', '.join(wrong)}"
                yield Finding("changed", entry.chain, entry.seq, detail)
        gone = said[len(held) :]
    else:
        gone = [entry for entry in said if entry.payload is not None and _said(entry) not in told]
    for entry in gone:
        yield Finding("missing", entry.chain, entry.seq, "the row of relation_versions is gone")
    if len(held) > len(said):
        yield Finding(
            "inserted", None, None, f"{len(held) - len(said)} rows of relation_versions are not in the ledger"
        )


def _said(entry: LedgerEntry) -> dict[str, object]:
    said = json.loads(entry.payload or "{}")
    names = ("started_at", "fulfilled_at", "recorded_at", "reopened_reason")
    return {**{name: said.get(name) for name in names}, "recorded_by": entry.actor}


def _told(version: RelationVersion) -> dict[str, object]:
    return {
        "started_at": utc(version.started_at),
        "fulfilled_at": utc(version.fulfilled_at),
        "recorded_at": utc(version.recorded_at),
        "reopened_reason": version.reopened_reason,
        "recorded_by": version.recorded_by,
    }
