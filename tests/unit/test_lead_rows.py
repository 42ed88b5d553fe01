"""What becomes of one row of a lead file."""

import json
from datetime import UTC, date, datetime

import pytest

from consent.terms import Channel
from leads.dates import read_date, read_instant
from leads.headings import read_headings
from leads.rows import Person, RawRow, RowReason, SettledRow, Settler, details
from leads.terms import RowState
from tests.deliveries import FIRST

RECEIVED = datetime(2026, 11, 20, 12, tzinfo=UTC)
HEADINGS = ["tel", "förnamn", "efternamn", "gata", "postnr", "ort", "e-post", "född", "insamlad", "ref"]
GOOD = [
    "070-174 06 05",
    "Åsa",
    "Öberg",
    "Storgatan 1",
    "111 22",
    "Örebro",
    "a@example.se",
    "2001-05-03",
    "2026-11-01 14:03",
    "R1",
]


def settled(**changes: str) -> SettledRow:
    """Return what becomes of the good row, with some of its cells changed."""
    cells = [changes.get(heading.replace("-", ""), cell) for heading, cell in zip(HEADINGS, GOOD, strict=True)]
    return Settler(read_headings(HEADINGS), RECEIVED).settle(RawRow(1, cells))


def test_a_good_row_gives_its_number_and_person() -> None:
    row = settled()

    assert (row.state, row.reasons, row.number) == (RowState.ACCEPTED, (), 46701740605)
    assert row.person is not None
    assert row.person.name == "Åsa Öberg"
    assert row.person.address == "Storgatan 1, 111 22 Örebro"
    assert row.person.birth_date == date(2001, 5, 3)
    assert row.person.collected_at == datetime(2026, 11, 1, 13, 3, tzinfo=UTC)
    assert row.person.partner_reference == "R1"


def test_a_child_is_a_lead_with_its_birth_date_for_the_decision_to_deny() -> None:
    row = settled(född="2015-02-28")

    assert row.state is RowState.ACCEPTED
    assert row.person is not None
    assert row.person.birth_date == date(2015, 2, 28)


@pytest.mark.parametrize(
    "cell", ["2015-02-28 00:00:00", "2015-02-28T00:00:00.000", "28.02.2015 00:00", "2015-02-28T00:00:00Z"]
)
def test_a_birth_date_with_a_midnight_after_it_is_that_day(cell: str) -> None:
    row = settled(född=cell)

    assert row.person is not None
    assert row.person.birth_date == date(2015, 2, 28)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"född": "2015-02-27T23:00:00Z"}, RowReason.INVALID_BIRTH_DATE),
        ({"född": "2015-02-28T00:00:00+02:00"}, RowReason.INVALID_BIRTH_DATE),
        ({"tel": ""}, RowReason.MISSING_NUMBER),
        ({"tel": "  "}, RowReason.MISSING_NUMBER),
        ({"tel": "hemligt"}, RowReason.INVALID_NUMBER),
        ({"tel": "0701"}, RowReason.INVALID_NUMBER),
        ({"tel": '=HYPERLINK("x")'}, RowReason.INVALID_NUMBER),
        ({"född": "i våras"}, RowReason.INVALID_BIRTH_DATE),
        ({"född": "01-05-03"}, RowReason.INVALID_BIRTH_DATE),
        ({"född": "2027-01-01"}, RowReason.INVALID_BIRTH_DATE),
        ({"född": "1066-10-14"}, RowReason.INVALID_BIRTH_DATE),
        ({"född": "03/05/2001"}, RowReason.INVALID_BIRTH_DATE),
        ({"insamlad": "nyss"}, RowReason.INVALID_COLLECTED_AT),
        ({"insamlad": "1970-01-01"}, RowReason.INVALID_COLLECTED_AT),
        ({"insamlad": "2026-11-22"}, RowReason.COLLECTED_IN_FUTURE),
        ({"gata": "x" * 301}, RowReason.TEXT_TOO_LONG),
        ({"epost": "x" * 255}, RowReason.TEXT_TOO_LONG),
        ({"ref": "x" * 101}, RowReason.TEXT_TOO_LONG),
        ({"ref": "a\x00b"}, RowReason.NUL_BYTES),
        ({"ref": "a\ufffdb"}, RowReason.UNREADABLE_CHARACTERS),
    ],
)
def test_what_cannot_be_used_is_a_reason(changes: dict[str, str], reason: RowReason) -> None:
    row = settled(**changes)

    assert (row.state, row.reasons, row.person) == (RowState.REJECTED, (reason,), None)


@pytest.mark.parametrize("cell", ["0701740605 / 0701740606", "0701740605, 0701740606", "070-174 06 05; 070-174 06 06"])
def test_two_numbers_in_a_cell_are_ambiguous_and_neither_is_taken(cell: str) -> None:
    row = settled(tel=cell)

    assert (row.state, row.reasons, row.number) == (RowState.AMBIGUOUS, (RowReason.AMBIGUOUS_NUMBER,), None)


# A beginning of numbers that PTS keeps for books and films, so nobody has it.
@pytest.mark.parametrize("cell", ["40628040", "40 62 80 40", "(40) 62 80 40", "40628040.0", "4.0628040E+7"])
def test_eight_digits_are_not_taken_for_a_swedish_number_where_they_may_be_a_danish_or_norwegian_one(cell: str) -> None:
    row = settled(tel=cell)

    assert (row.state, row.reasons, row.number) == (RowState.AMBIGUOUS, (RowReason.AMBIGUOUS_NUMBER,), None)


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("040-62 80 40", 4640628040),
        ("(040) 62 80 40", 4640628040),
        ("+46 40 62 80 40", 4640628040),
        ("+46 (0)40 62 80 40", 4640628040),
        ("4640628040", 4640628040),
        ("0046 40 628040", 4640628040),
        ("+47 40 62 80 40", 4740628040),
        ("701740605", 46701740605),
        ("846500490", 46846500490),
    ],
)
def test_a_number_that_says_its_country_or_can_be_of_one_alone_is_read(cell: str, number: int) -> None:
    assert settled(tel=cell).number == number


@pytest.mark.parametrize(
    "heading",
    [
        *("Samtycke", "SAMTYKKE *", "Consent", "Opt-in", "Samtycke till telefon", "Samtycke (telefonsamtal)"),
        *("Jag samtycker", "Samtycker du?", "Har du samtyckt", "Telefonsamtycke", "samtycke_tel", "Consent status"),
        *("GDPR-samtycke", "marketing_consent", "Samtycke marknadsföring", "Får ringas", "OK att ringa"),
        *("Godkänner samtal", "Allow calls", "May be contacted"),
    ],
)
@pytest.mark.parametrize(
    "cell",
    [
        *("Nej", " NO ", "nei.", "false", "FALSKT", "0", "Nej tack", "Nej, inte nu", "ej", "Ej godkänt", "inte", "f"),
        *("No thanks", "not given", "Avböjt", "Declined", "Återkallat 2026-11-01", "Opted out", "off", "☐", "✗", "[ ]"),
        *('{"phone":false}', '{"telefon": false, "sms": true}'),
    ],
)
def test_a_row_that_says_that_nobody_consented_is_no_lead(heading: str, cell: str) -> None:
    columns = read_headings(["tel", heading, "consent_ip"])

    for ip in ("", "no address"):
        row = Settler(columns, RECEIVED).settle(RawRow(1, ["070-174 06 05", cell, ip]))

        assert (row.state, row.reasons) == (RowState.REJECTED, (RowReason.INVALID_EVIDENCE,))


@pytest.mark.parametrize(
    ("heading", "cell"),
    [
        *(("Samtycke", "Ja"), ("Samtycke", "2026-11-01"), ("Samtycke", ""), ("Samtycke", "Nejlikans vänner")),
        *(("Samtycke", "✓"), ("Samtycke", "Ja, men inte SMS"), ("Samtycke", "No. 3"), ("Samtycke", '{"phone":true}')),
        *(("SMS consent", "Nej"), ("Consent e-mail", "Nej"), ("Samtyckestyp", "Ingen")),
        *(("Samtycke SMS", "Nej"), ("E-post samtycke", "Nej"), ("Nyhetsbrev", "Nej")),
    ],
)
def test_a_no_to_something_else_than_calls_leaves_the_row_a_lead(heading: str, cell: str) -> None:
    row = Settler(read_headings(["tel", heading]), RECEIVED).settle(RawRow(1, ["070-174 06 05", cell]))

    assert row.state is RowState.ACCEPTED


def test_every_reason_is_given_not_the_first() -> None:
    row = settled(tel="x", född="x", insamlad="x", ref="x" * 101)

    assert set(row.reasons) == {
        RowReason.INVALID_NUMBER,
        RowReason.INVALID_BIRTH_DATE,
        RowReason.INVALID_COLLECTED_AT,
        RowReason.TEXT_TOO_LONG,
    }


def test_an_ambiguous_number_in_a_row_that_is_bad_otherwise_is_rejected() -> None:
    assert settled(tel="0701740605 / 0701740606", född="x").state is RowState.REJECTED


def test_a_formula_stays_the_text_that_it_is() -> None:
    row = settled(ref='=HYPERLINK("http://example.se")')

    assert row.person is not None
    assert row.person.partner_reference == '=HYPERLINK("http://example.se")'


def test_cells_past_the_last_heading_are_surplus_only_if_they_say_something() -> None:
    columns = read_headings(["tel"])

    assert Settler(columns, RECEIVED).settle(RawRow(1, ["0701740605", "", " "])).state is RowState.ACCEPTED
    assert Settler(columns, RECEIVED).settle(RawRow(1, ["0701740605", "x"])).reasons == (RowReason.SURPLUS_CELLS,)


def test_a_row_with_too_few_cells_is_not_guessed_at() -> None:
    assert Settler(read_headings(HEADINGS), RECEIVED).settle(RawRow(1, GOOD[:-1])).reasons == (RowReason.MISSING_CELLS,)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2001-05-03", date(2001, 5, 3)),
        ("20010503", date(2001, 5, 3)),
        ("2001/05/03", date(2001, 5, 3)),
        ("3.5.2001", date(2001, 5, 3)),
        ("25/12/2001", date(2001, 12, 25)),
        ("05/05/2001", date(2001, 5, 5)),
        ("12/25/2001", None),
        ("2001-02-30", None),
        ("٢٠٠١-٠٥-٠٣", None),
        ("010503", None),
    ],
)
def test_a_date_is_read_only_beyond_doubt(text: str, day: date | None) -> None:
    assert read_date(text) == day


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-07-01", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("2026-07-01T12:00:00", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("2026-07-01T12:00:00Z", datetime(2026, 7, 1, 12, tzinfo=UTC)),
        ("2026-07-01 12:00+05:00", datetime(2026, 7, 1, 7, tzinfo=UTC)),
        ("01.07.2026 12:00", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("1.7.2026 kl. 9.05", datetime(2026, 7, 1, 7, 5, tzinfo=UTC)),
        ("13/7/2026 12:00:59", datetime(2026, 7, 13, 10, 0, 59, tzinfo=UTC)),
        ("13-07-2026, 12.00", datetime(2026, 7, 13, 10, tzinfo=UTC)),
        ("2026/07/01 12:00", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("2026-07-01 23.59", datetime(2026, 7, 1, 21, 59, tzinfo=UTC)),
        ("2026-07-01T23.59.30", datetime(2026, 7, 1, 21, 59, 30, tzinfo=UTC)),
        ("2026-07-01 12:00:00.250", datetime(2026, 7, 1, 10, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-07-01 12:00:00 UTC", datetime(2026, 7, 1, 12, tzinfo=UTC)),
        ("20260701T120000", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("2026-10-25 02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-03-29 02:30", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("1/7/2026 12:00", None),
        ("2026-07-01 10.5", None),
        ("2026-07-01 24:00", None),
        ("2026-07-01 12:60", None),
        ("2026-07-01 12:00 CEST", None),
        ("2026-07-01 klockan tolv", None),
        ("12:00", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_an_instant_without_offset_is_swedish_time(text: str, moment: datetime | None) -> None:
    assert read_instant(text) == moment


def test_all_reasons_of_the_worst_row_fit_their_column() -> None:
    """One of each that may stand together: the rest exclude each other, or stand alone."""
    worst = {
        RowReason.AMBIGUOUS_NUMBER,
        RowReason.TEXT_TOO_LONG,
        RowReason.INVALID_BIRTH_DATE,
        RowReason.INVALID_COLLECTED_AT,
        RowReason.INVALID_IDENTITY,
        RowReason.IDENTITY_MISMATCH,
        RowReason.INVALID_EVIDENCE,
    }

    assert len(",".join(worst)) <= 200


def test_half_a_surrogate_pair_is_no_character_that_can_be_kept() -> None:
    assert settled(ref="a\ud800b").reasons == (RowReason.UNREADABLE_CHARACTERS,)


@pytest.mark.parametrize("fault", [RowReason.FORMULA, RowReason.ERROR_CELL, RowReason.UNREADABLE])
def test_what_the_reader_found_wrong_is_the_rows_only_reason(fault: RowReason) -> None:
    row = Settler(read_headings(HEADINGS), RECEIVED).settle(RawRow(1, GOOD, fault))

    assert (row.state, row.reasons, row.number, row.person) == (RowState.REJECTED, (fault,), None, None)


def test_a_row_keeps_its_own_text_beside_its_cells() -> None:
    row = RawRow(1, ["Åsa", 'sa "hej"\n'], text='Åsa;"sa ""hej""\n"')

    assert row.text == 'Åsa;"sa ""hej""\n"'
    assert row.cells_text == '["Åsa","sa \\"hej\\"\\n"]'
    assert RawRow(1, ["x"]).text == ""


PROOF = ["consent_text_version", "consent_url", "consent_at", "consent_ip", "consent_sellers", "consent_channels"]
PROVED = ["v3", "https://fjord.example/tavling", "2026-11-01 14:03", "192.0.2.7", "Norrsken AB | Söder", "telefon, sms"]


def with_proof(**changes: str) -> SettledRow:
    """Return what becomes of a row with proof of consent, some of its cells changed."""
    cells = [changes.get(name.removeprefix("consent_"), cell) for name, cell in zip(PROOF, PROVED, strict=True)]
    return Settler(read_headings(["tel", *PROOF]), RECEIVED).settle(RawRow(1, ["0701740605", *cells]))


def test_proof_of_consent_is_read_with_the_row() -> None:
    person = with_proof().person

    assert person is not None
    assert person.evidence is not None
    assert person.evidence.text_version == "v3"
    assert person.evidence.at == datetime(2026, 11, 1, 13, 3, tzinfo=UTC)
    assert person.evidence.sellers == ("Norrsken AB", "Söder")
    assert person.evidence.channels == (Channel.VOICE,)


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "javascript:alert(1)"},
        {"url": "ftp://fjord.example/x"},
        {"at": "2026-11-20 13:06+00:00"},
        {"at": "1989-12-31"},
        {"at": "nyss"},
        {"ip": "192.0.2.300"},
        {"sellers": " | "},
        {"channels": "ja"},
        {"text_version": "v" * 101},
        {"url": "x", "ip": "x", "channels": "x"},
    ],
)
def test_proof_that_cannot_be_right_rejects_the_row_with_one_reason(changes: dict[str, str]) -> None:
    row = with_proof(**changes)

    assert (row.state, row.reasons) == (RowState.REJECTED, (RowReason.INVALID_EVIDENCE,))


def test_a_row_that_says_nothing_of_consent_has_empty_evidence_and_a_file_without_such_columns_none() -> None:
    empty = with_proof(**{name.removeprefix("consent_"): " " for name in PROOF}).person

    assert empty is not None
    assert empty.evidence is not None
    assert empty.evidence.written() == {}
    assert details(empty) is None
    plain = settled().person
    assert plain is not None
    assert plain.evidence is None


def test_what_else_a_row_says_is_one_json_object_in_one_order() -> None:
    plain, proved = settled(ref='a "b"\t\\').person, with_proof().person

    assert plain is not None
    assert proved is not None
    assert details(plain) == (
        '{"name":"Åsa Öberg","address":"Storgatan 1, 111 22 Örebro","email":"a@example.se",'
        '"partner_reference":"a \\"b\\"\\t\\\\"}'
    )
    assert details(proved) == (
        '{"consent_text_version":"v3","consent_url":"https://fjord.example/tavling","consent_at":"2026-11-01T13:03:00Z",'
        '"consent_ip":"192.0.2.7","consent_sellers":["Norrsken AB","Söder"],"consent_channels":["voice"]}'
    )


@pytest.mark.parametrize("text", [chr(code) for code in (*range(1, 33), 34, 47, 92, 127, 133, 8232, 128512)])
def test_the_details_are_json_whatever_the_characters(text: str) -> None:
    written = details(Person(f"a{text}b", None, None, None, None, None))

    assert written is not None
    assert json.loads(written) == {"name": f"a{text}b"}
    assert written == json.dumps({"name": f"a{text}b"}, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize(
    ("cells", "number", "reasons"),
    [
        (["0701740605", "0701740606", "0701740607"], FIRST, []),
        (["", "0701740606", "0701740607"], FIRST + 1, []),
        ([" \u00a0", "", "0701740607"], FIRST + 2, []),
        (["'", "\u200b", "0701740607"], FIRST + 2, []),
        (["", "", ""], None, ["missing_number"]),
        (["12", "0701740606", ""], None, ["invalid_number"]),
        (["-", "0701740606", ""], None, ["invalid_number"]),
        (["hemligt", "", "0701740607"], None, ["invalid_number"]),
        (["", "0701740606 / 0701740607", "0701740608"], None, ["ambiguous_number"]),
    ],
)
def test_a_rows_number_is_in_the_first_of_the_mapped_columns_that_holds_anything(
    cells: list[str], number: int | None, reasons: list[str]
) -> None:
    """What cannot be read is never passed over: the next column may hold the number of somebody else."""
    columns = read_headings(["Arbete", "Mobil", "Hem"], {"number": "Mobil", "number_2": "Hem", "number_3": "Arbete"})

    row = Settler(columns, RECEIVED).settle(RawRow(1, [cells[2], *cells[:2]]))

    assert (row.number, list(row.reasons)) == (number, reasons)
