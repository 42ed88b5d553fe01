"""What a row proves of a consent, what is missing of the proof, and whom the consent names."""

import json
from datetime import UTC, datetime

import pytest

import consent.grounds
from consent.terms import Channel
from core.sellers import Seller
from leads.evidence import (
    TEXT_VERSION,
    URL,
    Evidence,
    consent_from,
    missing,
    names_seller,
    read_channels,
    read_ip,
    read_sellers,
    read_text_version,
    read_url,
)
from leads.source_terms import Terms

AT = datetime(2026, 11, 1, 13, 3, tzinfo=UTC)
WHOLE = Evidence("v3", "https://fjord.example/tavling", AT, "192.0.2.7", ("Norrsken AB", "Söder"), (Channel.VOICE,))


def given(evidence: Evidence | None, name: str = "Norrsken AB", slug: str = "norrsken") -> object:
    """Return the consent that the evidence gives the seller."""
    return consent_from(evidence, seller_name=name, seller_slug=slug, lead_file_id="f", row_no=7)


def test_whole_proof_lacks_nothing_and_no_proof_lacks_everything() -> None:
    assert missing(WHOLE) == ()
    assert missing(None) == missing(Evidence()) == ("text_version", "url", "at", "sellers", "channels")
    assert missing(Evidence(ip="192.0.2.7", channels=())) == missing(None)


def test_a_form_on_paper_has_no_ip_address() -> None:
    assert missing(Evidence("v3", "https://x.example", AT, None, ("A",), (Channel.VOICE,))) == ()


def test_a_whole_proof_is_a_consent_with_its_row_as_evidence() -> None:
    consented = consent_from(WHOLE, seller_name="Norrsken AB", seller_slug="norrsken", lead_file_id="f", row_no=7)

    assert consented is not None
    assert consented.channels == {Channel.VOICE}
    assert consented.names_seller
    assert (consented.text_version, consented.given_at, consented.expires_at) == ("v3", AT, None)
    assert consented.evidence == {
        "lead_file": "f",
        "row_no": 7,
        "consent_text_version": "v3",
        "consent_url": "https://fjord.example/tavling",
        "consent_at": "2026-11-01T13:03:00Z",
        "consent_ip": "192.0.2.7",
        "consent_sellers": ["Norrsken AB", "Söder"],
        "consent_channels": ["voice"],
    }


def test_a_proof_with_anything_missing_is_no_consent() -> None:
    for name in ("text_version", "url", "at", "sellers", "channels"):
        lacking = Evidence(**{slot: None if slot == name else getattr(WHOLE, slot) for slot in WHOLE.__slots__})

        assert missing(lacking) == (name,)
        assert given(lacking) is None
    assert given(None) is None


def test_a_consent_to_sms_alone_is_no_consent_to_a_call() -> None:
    assert read_channels("SMS, e-post") == ()
    assert given(Evidence("v3", "https://x.example", AT, None, ("Norrsken AB",), read_channels("sms"))) is None


@pytest.mark.parametrize(
    ("named", "seller"),
    [
        ("Norrsken AB", True),
        ("NORRSKEN ab", True),
        ("  norrsken   ab ", True),
        ("norrsken", True),
        ("Norrsken", True),
        ("Norrsken AB och våra partners", False),
        ("Norrskenskoncernen", False),
        ("Norr", False),
        ("våra samarbetspartner", False),
    ],
)
def test_a_seller_is_named_by_its_whole_name_or_its_slug_and_by_nothing_else(named: str, seller: bool) -> None:
    evidence = Evidence(sellers=("Söder", named))

    assert names_seller(evidence, seller_name="Norrsken AB", seller_slug="norrsken") is seller


@pytest.mark.parametrize("named", ["Åkermans El", "A\u030akermans El"], ids=["composed", "decomposed"])
@pytest.mark.parametrize("seller_name", ["Åkermans El", "A\u030aKERMANS El"], ids=["composed", "decomposed"])
def test_a_seller_is_named_in_whichever_form_its_letters_are_written(named: str, seller_name: str) -> None:
    shown = Terms(1, named, "", None, None, None, (named,), AT, "a")

    assert names_seller(Evidence(sellers=(named,)), seller_name=seller_name, seller_slug="akermans")
    assert shown.names_seller(Seller(name=seller_name, slug="akermans"))


def test_a_consent_for_others_is_kept_and_names_not_this_seller() -> None:
    consented = consent_from(WHOLE, seller_name="Väster", seller_slug="vaster", lead_file_id="f", row_no=7)

    assert consented is not None
    assert not consented.names_seller
    assert not names_seller(Evidence(sellers=("",)), seller_name=" ", seller_slug="")


@pytest.mark.parametrize(
    "text",
    [
        "https://fjord.example/tavling?a=b",
        "http://fjord.example",
        "HTTPS://fjord.example/",
        "www.fjord.example/tavling",
        "fjord.example",
        "https://åäö.example/vår",
    ],
)
def test_an_address_of_a_page_is_kept_as_written(text: str) -> None:
    assert read_url(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://fjord.example",
        "https://",
        "http:///tavling",
        "https://[::1",
        "https://fjord.example/ x",
        "https://fjord.example/\u202e",
        "formuläret",
        "3.14",
        "https://fjord.example/" + "x" * URL,
    ],
)
def test_what_is_no_page_is_refused(text: str) -> None:
    assert read_url(text) is None


@pytest.mark.parametrize(
    ("text", "ip"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8::0001", "2001:db8::1"),
        ("192.0.2.300", None),
        ("192.0.2", None),
        ("192.0.2.07", None),
        ("fe80::1%eth0", None),
        ("3221225991", None),
        ("x", None),
    ],
)
def test_an_ip_address_is_read_in_its_usual_form(text: str, ip: str | None) -> None:
    assert read_ip(text) == ip


@pytest.mark.parametrize(
    ("text", "sellers"),
    [
        ("Norrsken AB", ("Norrsken AB",)),
        ("A, B ,C", ("A", "B", "C")),
        ("Fjäll, Sjö & Skog AB|B", ("Fjäll, Sjö & Skog AB", "B")),
        ("A||A| ", ("A",)),
        ('["Norrsken AB"]', ("Norrsken AB",)),
        ('["Fjäll, Sjö & Skog AB", " B|C ","B|C"]', ("Fjäll, Sjö & Skog AB", "B|C")),
        ('["A",1]', None),
        ('["A",["B"]]', None),
        ("[]", None),
        ('["A"', None),
        ("[" * 100_000, None),
        (" , ", None),
        ("x" * 201, None),
        (",".join(f"s{no}" for no in range(51)), None),
    ],
)
def test_sellers_are_parted_by_bars_or_else_by_commas(text: str, sellers: tuple[str, ...] | None) -> None:
    assert read_sellers(text) == sellers


@pytest.mark.parametrize(
    ("text", "channels"),
    [
        ("telefon", (Channel.VOICE,)),
        ("Telefonsamtal", (Channel.VOICE,)),
        ("telefon, SMS och e-post", (Channel.VOICE,)),
        ("voice|automated_voice", (Channel.AUTOMATED_VOICE, Channel.VOICE)),
        ("Automatiska samtal", (Channel.AUTOMATED_VOICE,)),
        ("opkald og sms", (Channel.VOICE,)),
        ("sms", ()),
        ("ja", None),
        ("alla", None),
        ("telefon, rökgas", None),
        (" / ", None),
    ],
)
def test_channels_are_known_words_and_an_unknown_word_leaves_a_doubt(
    text: str, channels: tuple[Channel, ...] | None
) -> None:
    assert read_channels(text) == channels


@pytest.mark.parametrize(
    "text",
    [
        *(
            "☐ telefon, ☑ sms",
            "telefon ☐",
            "telefon ✗",
            "telefon ❌ / sms ✅",
            "[ ] telefon",
            "( ) telefon",
            "[_] telefon",
        ),
        *("-telefon, +sms", "- telefon", "telefon -", "!telefon", "¬telefon", "telefon?", "~~telefon~~"),
        *("t\u0336e\u0336l\u0336e\u0336f\u0336o\u0336n\u0336", "telefon\u200b", "telefon <> sms"),
    ],
)
def test_a_channel_with_a_sign_that_may_say_no_to_it_is_not_agreed_to(text: str) -> None:
    assert read_channels(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("telefon:", "Telefon: ", "sms:, telefon:", "telefon ____", "_ telefon", "telefon ...", "telefon_ |sms"),
        *('{"telefon":""}', '{"telefon":{}}', '{"telefon":"","sms":""}', "{telefon}", "\u2010telefon", "telefon\u2011"),
    ],
)
def test_a_channel_that_was_asked_about_and_not_answered_is_not_agreed_to(text: str) -> None:
    assert read_channels(text) is None


@pytest.mark.parametrize(
    "text", ['["telefon","e-post"]', "telefon.", "(telefon)", "Telefon\u00a0", "“telefon”", "E-post; telefon |"]
)
def test_signs_that_say_nothing_leave_no_doubt_about_a_channel(text: str) -> None:
    assert read_channels(text) == (Channel.VOICE,)


def test_what_is_taken_here_is_taken_where_consents_are_recorded() -> None:
    assert TEXT_VERSION == consent.grounds.TEXT_VERSION
    assert read_text_version("v" * TEXT_VERSION) is not None
    assert read_text_version("v" * (TEXT_VERSION + 1)) is None


@pytest.mark.parametrize("text", ["Nej", "nei.", "NO", "false", "0", "Nej tack", "Ej samtycke", "Avböjt"])
def test_a_text_version_that_is_a_no_is_none(text: str) -> None:
    """Whoever maps a column of yes and no to the text version has not told of a consent."""
    assert read_text_version(text) is None
    assert read_text_version(f"v{text}") == f"v{text}"


@pytest.mark.parametrize(("letter", "names"), [("å", 50), ('"', 29), ("\\", 29), ("\x01", 10)])
def test_the_longest_proof_that_is_taken_fits_where_consents_are_recorded(letter: str, names: int) -> None:
    """A proof is measured as it is written, where a quote takes two characters: what does not fit is no row's end."""
    sellers = read_sellers("|".join(f"{no:02}" + letter * 198 for no in range(names)))
    url = read_url("https://x.example/" + '"' * (URL - 18))
    longest = Evidence("\x01" * TEXT_VERSION, url, AT, "::1", sellers, tuple(Channel))

    assert sellers is not None
    assert url is not None
    assert read_sellers("|".join(f"{no:02}" + letter * 198 for no in range(names + 1))) is None
    assert len(json.dumps(longest.written(), ensure_ascii=False)) + 100 < consent.grounds.EVIDENCE
