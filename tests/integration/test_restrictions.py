"""A number that must not be used, whatever else is known of it; and keys and users that are shut out."""

from dataclasses import replace

import pytest

from core.access import Role, caller_with_key, create_key, create_user, disable_user, operator, revoke_key
from core.errors import Forbidden, NotFound
from core.ledger import LedgerEntry
from dnc.facts import RestrictionKind
from dnc.gate import Question
from dnc.restrictions import RestrictionEnded, end_restriction, restrict
from tests.seeding import Seeded

ME = operator("test")
NUMBER = 46701740605


def reasons(seeded: Seeded) -> list[str]:
    """Return why NUMBER may not be called now."""
    caller = replace(ME, seller_id=seeded.seller_id)
    [(_, decision, _)] = seeded.service.gate.simulate_many(
        caller, "vinterel", [Question(f"+{NUMBER}")], at=seeded.clock.now()
    )
    return [reason.code for reason in decision.reasons]


@pytest.mark.parametrize("kind", RestrictionKind)
def test_a_restricted_number_is_denied_until_the_restriction_ends(seeded: Seeded, kind: RestrictionKind) -> None:
    store, now = seeded.service.store, seeded.clock.now()
    assert reasons(seeded) == []
    with store.writing() as session:
        made = restrict(
            session,
            ME,
            seeded.service.keyring,
            number=NUMBER,
            seller_id=seeded.seller_id,
            kind=kind,
            note="",
            now=now,
        )
    assert reasons(seeded) == ["restricted"]
    with store.writing() as session:
        end_restriction(session, ME, restriction_id=made.id, now=now)
    assert reasons(seeded) == []
    with pytest.raises(RestrictionEnded), store.writing() as session:
        end_restriction(session, ME, restriction_id=made.id, now=now)
    with store.reading() as session:
        kinds = {entry.kind for entry in session.query(LedgerEntry).filter(LedgerEntry.subject == made.id)}
    assert kinds == {"restriction.made", "restriction.ended"}


def test_sellers_cannot_restrict_and_nobody_restricts_for_another_seller(seeded: Seeded) -> None:
    sales = replace(ME, role=Role.SALES)
    elsewhere = replace(ME, role=Role.COMPLIANCE, seller_id=seeded.other_seller_id)
    for caller, refusal in ((sales, Forbidden), (elsewhere, NotFound)):
        with pytest.raises(refusal), seeded.service.store.writing() as session:
            restrict(
                session,
                caller,
                seeded.service.keyring,
                number=NUMBER,
                seller_id=seeded.seller_id,
                kind=RestrictionKind.DECEASED,
                note="",
                now=seeded.clock.now(),
            )
    assert reasons(seeded) == []


@pytest.mark.parametrize("for_all", [True, False])
def test_a_restriction_is_ended_only_by_those_who_may_restrict_all_whom_it_protects_from(
    seeded: Seeded, for_all: bool
) -> None:
    store, now = seeded.service.store, seeded.clock.now()
    with store.writing() as session:
        made = restrict(
            session,
            ME,
            seeded.service.keyring,
            number=NUMBER,
            seller_id=None if for_all else seeded.seller_id,
            kind=RestrictionKind.RESTRICTED,
            note="",
            now=now,
        )
    too_few = seeded.seller_id if for_all else seeded.other_seller_id
    refused = [(replace(ME, role=role), Forbidden) for role in (Role.DIALER, Role.SALES, Role.LEAD_MANAGER, Role.ADMIN)]
    for caller, refusal in (*refused, (replace(ME, role=Role.COMPLIANCE, seller_id=too_few), NotFound)):
        with pytest.raises(refusal), store.writing() as session:
            end_restriction(session, caller, restriction_id=made.id, now=now)
    with pytest.raises(NotFound), store.writing() as session:
        end_restriction(session, ME, restriction_id="none", now=now)

    assert reasons(seeded) == ["restricted"]


def test_a_revoked_key_opens_nothing(seeded: Seeded) -> None:
    store, now = seeded.service.store, seeded.clock.now()
    with store.writing() as session:
        secret = create_key(session, ME, name="lost", role=Role.DIALER, seller_id=seeded.seller_id, now=now)
    assert caller_with_key(store.rows, secret) is not None
    with store.writing() as session:
        revoke_key(session, ME, name="lost", now=now)
        revoke_key(session, ME, name="lost", now=now)
    assert caller_with_key(store.rows, secret) is None
    with pytest.raises(NotFound), store.writing() as session:
        revoke_key(session, ME, name="never made", now=now)


def test_disabling_a_user_is_on_record_once(seeded: Seeded) -> None:
    store, now = seeded.service.store, seeded.clock.now()
    with store.writing() as session:
        user = create_user(
            session, ME, name="left", role=Role.SALES, password="a long enough word", seller_id=None, now=now
        )
    for _ in range(2):
        with store.writing() as session:
            disable_user(session, ME, name="left", now=now)
    with store.reading() as session:
        kinds = [entry.kind for entry in session.query(LedgerEntry).filter(LedgerEntry.subject == user.id)]
    assert sorted(kinds) == ["user.created", "user.disabled"]
    with pytest.raises(NotFound), store.writing() as session:
        disable_user(session, ME, name="nobody", now=now)
