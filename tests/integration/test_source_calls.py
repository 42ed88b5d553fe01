"""What a source's lawful basis needs before a lead of it carries a call."""

from pathlib import Path

from consent.terms import Basis
from core.access import Caller, Role
from dnc.gate import Question
from leads.sources import add_source
from tests.deliveries import OPERATOR
from tests.integration.seeds import consented
from tests.seeding import CAMPAIGN, FROM_PARTNER, SELLER, Seeded, import_leads, number_of

NEW_NUMBER = "+46701740640"


def verdict(seeded: Seeded, number: str) -> tuple[str, list[str]]:
    """Return the verdict and the reasons of a check made now."""
    dialer = Caller(id="k", name="k", kind="key", role=Role.DIALER, seller_id=seeded.seller_id)
    answer = seeded.service.gate.ask(dialer, CAMPAIGN, Question(number))
    return answer.decision.verdict.value, sorted(reason.code.value for reason in answer.decision.reasons)


def lead_from(
    seeded: Seeded, tmp_path: Path, slug: str, number: str, basis: Basis | None, assessment: str | None
) -> None:
    """Add a source and import a lead of the number from it."""
    with seeded.service.store.writing() as session:
        add_source(
            session,
            OPERATOR,
            slug=slug,
            supplier="kronan",
            seller=SELLER,
            name="Nya tävlingen",
            basis=basis,
            assessment=assessment,
            say="Du tävlade.",
            say_en=None,
            now=seeded.clock.now(),
        )
    import_leads(seeded.service, tmp_path, slug, [number])


def test_a_source_without_what_its_basis_needs_carries_no_call(seeded: Seeded, tmp_path: Path) -> None:
    cases: list[tuple[Basis | None, str | None, list[str]]] = [
        (None, None, ["no_lawful_basis"]),
        (None, "LIA-7", ["no_lawful_basis"]),
        (Basis.LEGITIMATE_INTEREST, None, ["no_lawful_basis"]),
        (Basis.LEGITIMATE_INTEREST, " ", ["no_lawful_basis"]),
        (Basis.LEGITIMATE_INTEREST, "a reference alone", []),
        (Basis.CONSENT, "LIA-7", ["no_lawful_basis"]),
    ]
    for place, (basis, assessment, reasons) in enumerate(cases):
        number = f"+{46701740640 + place}"
        lead_from(seeded, tmp_path, f"ny-{place}", number, basis, assessment)

        assert verdict(seeded, number) == ("deny" if reasons else "allow", reasons), place
    assert verdict(seeded, FROM_PARTNER) == ("allow", [])


def test_a_consent_on_record_carries_the_call_although_the_source_lacks_its_terms(
    seeded: Seeded, tmp_path: Path
) -> None:
    lead_from(seeded, tmp_path, "ny", NEW_NUMBER, Basis.CONSENT, None)
    assert verdict(seeded, NEW_NUMBER) == ("deny", ["no_lawful_basis"])

    consented(seeded, number_of(NEW_NUMBER))

    assert verdict(seeded, NEW_NUMBER) == ("allow", [])
