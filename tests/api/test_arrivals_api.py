"""Arrivals over HTTP: what a file and a source were worth, for whom it concerns."""

from sqlalchemy import select

from core.access import Role
from dnc.arrivals import screen_arrivals
from leads.arriving import finished_files
from leads.models import LeadFile, Source
from tests.api.calling import NOBODYS_ID, Ringklar, answered, refused
from tests.seeding import PARTNER_SOURCE, REGISTER_AS_OF

READERS = (Role.LEAD_MANAGER, Role.COMPLIANCE)


def file_of_partner(ringklar: Ringklar) -> str:
    """Return the id of the lead file that the partner's source was seeded with."""
    with ringklar.service.store.reading() as session:
        files = select(LeadFile.id).join(Source, Source.id == LeadFile.source_id).where(Source.slug == PARTNER_SOURCE)
        return session.scalars(files).one()


def screened(ringklar: Ringklar) -> int:
    """Screen what was not, as the jobs do."""
    service = ringklar.service
    return screen_arrivals(service.store, service.shelf.listed, service.clock.now())


def test_a_file_s_arrival_is_told_once_it_was_screened(ringklar: Ringklar) -> None:
    file = file_of_partner(ringklar)
    refused(ringklar.get(f"/v1/lead-files/{file}/arrival", Role.LEAD_MANAGER), 404, "not-screened")
    with ringklar.service.store.reading() as session:
        assert screened(ringklar) == len(finished_files(session))

    for role in READERS:
        report = answered(ringklar.get(f"/v1/lead-files/{file}/arrival", role), 200)
        assert (report["leads"], report["callable"]) == (3, 1)
        assert (report["looked_up"], report["stopped"], report["missing_evidence"]) == (3, 1, 0)
        assert report["rows"] == {"accepted": 3, "invalid": 0, "duplicate": 0, "ambiguous": 0}
        assert report["verdicts"] == {"allow": 1, "deny": 2, "unknown": 0}
        assert report["reasons"] == {"opted_out": 1, "on_register": 1}
        assert (report["register_name"], report["register_as_of"]) == ("nix", REGISTER_AS_OF.isoformat())
        assert report["wash"]["verdict"] == "no_claim"


def test_a_source_s_arrivals_are_added_up(ringklar: Ringklar) -> None:
    screened(ringklar)

    total = answered(ringklar.get(f"/v1/sources/{PARTNER_SOURCE}/arrivals", Role.COMPLIANCE), 200)

    assert (total["files"], total["leads"], total["callable"]) == (1, 3, 1)
    assert total["washes"] == {"no_claim": 1}


def test_no_number_or_supplier_stands_in_an_arrival(ringklar: Ringklar) -> None:
    screened(ringklar)

    text = ringklar.get(f"/v1/lead-files/{file_of_partner(ringklar)}/arrival", Role.LEAD_MANAGER).text

    assert "4670174" not in text
    assert "Kronan" not in text


def test_another_seller_s_arrival_cannot_be_told_from_none(ringklar: Ringklar) -> None:
    screened(ringklar)
    stranger = ringklar.new_key(Role.LEAD_MANAGER, ringklar.seeded.other_seller_id)
    file = file_of_partner(ringklar)

    theirs = refused(ringklar.get(f"/v1/lead-files/{file}/arrival", key=stranger), 404, "not-found")
    nobodys = refused(ringklar.get(f"/v1/lead-files/{NOBODYS_ID}/arrival", key=stranger), 404, "not-found")
    refused(ringklar.get(f"/v1/sources/{PARTNER_SOURCE}/arrivals", key=stranger), 404, "not-found")

    assert theirs["detail"] == nobodys["detail"]
