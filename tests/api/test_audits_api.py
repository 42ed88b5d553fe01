"""Audits and replays over HTTP: for compliance, and never a number."""

import pytest

from core.access import Role
from dnc.auditor import routes
from dnc.auditor.auditing import audit
from tests.api.calling import NOBODYS_ID, Json, Ringklar, answered, refused
from tests.integration.test_auditor import later, tamper
from tests.seeding import CAMPAIGN, FROM_PARTNER, OPERATOR, OPTED_OUT, PARTNER_SOURCE, opt_out

PERIOD = {"since": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z"}
PROPOSED = "se-optin-2027-proposal"


def replayed(ringklar: Ringklar, **how: str) -> Json:
    return answered(ringklar.post("/v1/replays", {**PERIOD, **how}, role=Role.COMPLIANCE), 200)


def test_compliance_sees_what_an_audit_found_a_page_at_a_time(ringklar: Ringklar) -> None:
    later(ringklar.seeded, hours=1)
    ids = [ringklar.check(OPTED_OUT)["id"] for _ in range(3)]
    tamper(ringklar.seeded, "DELETE FROM opt_outs WHERE id = :id", id=ringklar.seeded.opt_out_id)
    service = ringklar.service
    report = audit(service.store, service.shelf.listed, OPERATOR, now=service.clock.now())

    [one] = answered(ringklar.get("/v1/audits", Role.COMPLIANCE), 200)["audits"]
    assert (one["id"], one["counts"]["checks"], one["counts"]["differences"]) == (report.id, 3, 3)
    path = f"/v1/audits/{report.id}/differences"
    first = ringklar.get(f"{path}?limit=2", Role.COMPLIANCE)
    page = answered(first, 200)
    assert [found["check_id"] for found in page["differences"]] == ids[:2]
    rest = answered(ringklar.get(f"{path}?limit=2&cursor={page['cursor']}", Role.COMPLIANCE), 200)
    assert ([found["check_id"] for found in rest["differences"]], rest["cursor"]) == (ids[2:], None)
    assert OPTED_OUT[1:] not in first.text


def test_compliance_sees_which_answers_an_audit_excused(ringklar: Ringklar) -> None:
    later(ringklar.seeded, hours=1)
    ids = [ringklar.check(FROM_PARTNER)["id"] for _ in range(3)]
    later(ringklar.seeded, seconds=-1)
    service = ringklar.service
    opt_out(service, FROM_PARTNER, ringklar.seeded.seller_id)
    report = audit(service.store, service.shelf.listed, OPERATOR, now=service.clock.now())

    path = f"/v1/audits/{report.id}/differences"
    assert answered(ringklar.get(path, Role.COMPLIANCE), 200)["differences"] == []
    page = answered(ringklar.get(f"{path}?excused=true&limit=2", Role.COMPLIANCE), 200)
    assert [found["check_id"] for found in page["differences"]] == ids[:2]
    rest = ringklar.get(f"{path}?excused=true&limit=2&cursor={page['cursor']}", Role.COMPLIANCE)
    assert [found["check_id"] for found in answered(rest, 200)["differences"]] == ids[2:]
    assert answered(rest, 200)["cursor"] is None


def test_an_audit_that_is_none_or_not_the_callers_to_read_is_refused(ringklar: Ringklar) -> None:
    refused(ringklar.get(f"/v1/audits/{NOBODYS_ID}/differences", Role.COMPLIANCE), 404, "not-found")
    of_one_seller = ringklar.new_key(Role.COMPLIANCE, ringklar.seeded.seller_id)
    refused(ringklar.get("/v1/audits", key=of_one_seller), 403, "forbidden")


def test_a_period_is_replayed_by_source_campaign_and_reason(ringklar: Ringklar) -> None:
    ringklar.check(FROM_PARTNER)
    ringklar.check(OPTED_OUT)

    done = replayed(ringklar, policy=PROPOSED)
    assert (done["simulated"], done["policy"]) == (True, PROPOSED)
    assert (done["all"]["checks"]["total"], done["all"]["checks"]["lost"]) == (2, 1)
    assert done["all"]["checks"]["denied_share"] == 1.0
    assert done["all"]["calls"]["denied_share"] is None
    assert list(done["groups"]) == [PARTNER_SOURCE]
    assert list(replayed(ringklar, policy=PROPOSED, by="campaign", campaign=CAMPAIGN)["groups"]) == [CAMPAIGN]
    assert replayed(ringklar, by="reason")["groups"]["opted_out"]["checks"]["total"] == 1


def test_a_replay_that_cannot_be_made_is_refused(ringklar: Ringklar, monkeypatch: pytest.MonkeyPatch) -> None:
    backwards = {"since": PERIOD["until"], "until": PERIOD["since"]}
    for body in (backwards, {**PERIOD, "policy": "no-such-policy"}, {"since": PERIOD["since"]}):
        refused(ringklar.post("/v1/replays", body, role=Role.COMPLIANCE), 422, "invalid-input")
    refused(ringklar.post("/v1/replays", {**PERIOD, "campaign": "none"}, role=Role.COMPLIANCE), 404, "not-found")
    ringklar.check(FROM_PARTNER)
    monkeypatch.setattr(routes, "REPLAYED_AT_MOST", 0)
    refused(ringklar.post("/v1/replays", PERIOD, role=Role.COMPLIANCE), 413, "too-much-to-replay")
