"""A supplier verifies what was received; a file as received is kept for its time and no longer."""

import io
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from core.access import Caller, Role
from core.checkpoints import public_key
from core.errors import Forbidden, NotFound
from core.ids import new_id
from core.ledger import LedgerEntry, canonical
from core.store import Store
from leads.kept_files import KEPT_FOR, ORPHAN_AFTER, forget_kept_files
from leads.merkle import Frontier, leaf_hashes
from leads.models import LeadFile, Source
from leads.receipts import LeadFileUnfinished, SignedReceipt, receipt_of
from leads.row_proofs import RowNotProvable, RowProof, RowTexts, proof_of
from leads.shelf import Shelf
from tests.deliveries import OPERATOR, add_origins, lead_manager
from tests.registers import NOON, service_for

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_receipt.py"
ROWS = ["070-174 06 05;Åsa;2026-11-01", "  ;;", "0701740606;Bo;", '"0701740607";"Cia ""C""";2026-11-02', "hemligt;;"]
CONTENT = "\n\r\nsep=;\r\nTelefon;Namn;Insamlad\r\n" + "".join(f"{row}\r\n\r\n" for row in ROWS)


@dataclass(frozen=True)
class Custodian:
    """A store and the shelf beside it."""

    store: Store
    shelf: Shelf

    def receive(self, content: bytes, rows: list[str], source: str = "tavling", /, **columns: object) -> str:
        """Keep a file and put it down as read to its end; return the lead file's id."""
        received = self.shelf.receive(io.BytesIO(content))
        tree = Frontier()
        tree.append_hashes(leaf_hashes(row.encode() for row in rows))
        with self.store.writing() as session:
            source_id = session.scalars(select(Source.id).where(Source.slug == source)).one()
            known = session.scalars(select(LeadFile.no).order_by(LeadFile.no.desc())).first() or 0
            values: dict[str, object] = {
                "id": new_id(),
                "no": known + 1,
                "source_id": source_id,
                "sha256": received.sha256,
                "filename": "leads.csv",
                "size": received.size,
                "format": "csv",
                "wrapping": "none",
                "encoding": "utf-8",
                "delimiter": ";",
                "headings": '["Telefon", "Namn", "Insamlad"]',
                "mapping": "{}",
                "state": "finished",
                "rows_read": len(rows),
                "rows_accepted": len(rows),
                "rows_rejected": 0,
                "rows_duplicate": 0,
                "rows_ambiguous": 0,
                "merkle_root": tree.root().hex(),
                "kept": True,
                "kept_until": NOON + KEPT_FOR,
                "received_at": NOON,
                "received_by": "user:0199-a-person",
            }
            lead_file = LeadFile(**{**values, **columns})
            session.add(lead_file)
            return lead_file.id

    def receipt(self, lead_file_id: str, caller: Caller = OPERATOR) -> SignedReceipt:
        """Return the receipt as issued now."""
        with self.store.reading() as session:
            return receipt_of(session, caller, lead_file_id, self.store.keyring, self.store.clock.now())

    def lead_file(self, lead_file_id: str) -> LeadFile:
        """Return the lead file's row as it is now."""
        with self.store.reading() as session:
            found = session.get_one(LeadFile, lead_file_id)
            session.expunge(found)
            return found


@pytest.fixture
def custodian(database_url: str, tmp_path: Path) -> Iterator[Custodian]:
    """Return a store with two sellers and their sources, at noon on 20 November 2026, and an empty shelf."""
    service = service_for(database_url, tmp_path / "var")
    add_origins(service.store)
    yield Custodian(service.store, Shelf(tmp_path / "kept", service.keyring.lead_file_key))
    service.close()


def verify(
    folder: Path,
    signed: SignedReceipt,
    key: str,
    *,
    content: bytes | None = None,
    proof: object = None,
    apart: bool = False,
) -> tuple[int, list[str]]:
    """Return the exit code and the lines of the supplier's own script; ``apart``: run as the supplier would run it."""
    arguments = [str(folder / "receipt.json"), "--public-key", key]
    (folder / "receipt.json").write_text(json.dumps({"receipt": signed.receipt, "signature": signed.signature}))
    if content is not None:
        (folder / "delivered").write_bytes(content)
        arguments += ["--file", str(folder / "delivered")]
    if proof is not None:
        (folder / "proof.json").write_text(json.dumps(proof))
        arguments += ["--proof", str(folder / "proof.json")]
    if apart:
        command = [sys.executable, "-I", str(SCRIPT), *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ran.stderr == ""
        return ran.returncode, ran.stdout.splitlines()
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(io.StringIO()) as told:
        patched.setattr(sys, "argv", [str(SCRIPT), *arguments])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(SCRIPT), run_name="__main__")
    assert isinstance(end.value.code, int)
    return end.value.code, told.getvalue().splitlines()


def test_the_supplier_verifies_the_file_it_delivered_row_by_row(custodian: Custodian, tmp_path: Path) -> None:
    content = CONTENT.encode()
    signed = custodian.receipt(custodian.receive(content, ROWS))
    key = public_key(custodian.store.keyring)

    assert verify(tmp_path, signed, key, content=content, apart=True) == (
        0,
        ["signature: holds", "file: holds", "rows: holds"],
    )
    assert verify(tmp_path, signed, key, content=content + b"\n", apart=True) == (
        1,
        ["signature: holds", "file: DOES NOT HOLD", "rows: holds"],
    )
    swapped = content.replace(b"0701740606;Bo", b"0701740609;Bo")
    assert verify(tmp_path, signed, key, content=swapped) == (
        1,
        ["signature: holds", "file: DOES NOT HOLD", "rows: DOES NOT HOLD"],
    )


@pytest.mark.parametrize(
    ("content", "rows", "columns"),
    [
        (CONTENT.encode("cp1252"), ROWS, {"encoding": "cp1252"}),
        (CONTENT.encode("utf-8-sig"), ROWS, {"encoding": "utf-8-sig"}),
        (CONTENT.encode("utf-16"), ROWS, {"encoding": "utf-16"}),
        ("\r".join([" ", "SEP=;", *ROWS]).encode(), ROWS, {"headings": None}),
        (
            b'\xef\xbb\xbf{"tel": "0701740605"}\n \n\t{"tel": 1} ',
            ['{"tel": "0701740605"}', '{"tel": 1}'],
            {"format": "jsonl"},
        ),
        (b"Telefon\n", [], {}),
    ],
    ids=["cp1252", "BOM", "UTF-16", "no headings", "JSON Lines", "no rows"],
)
def test_the_rows_of_any_text_are_verified(
    custodian: Custodian, tmp_path: Path, content: bytes, rows: list[str], columns: dict[str, object]
) -> None:
    signed = custodian.receipt(custodian.receive(content, rows, **columns))

    code, lines = verify(tmp_path, signed, public_key(custodian.store.keyring), content=content)

    assert (code, lines[-1]) == (0, "rows: holds")


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        (b'Telefon;Namn\n0701740605;"Eva\nmed tv\xc3\xa5 rader"\n', {}),
        (b"PK\x03\x04", {"format": "xlsx"}),
        (b"\x1f\x8b", {"wrapping": "gzip"}),
        (b"Telefon\n" + b"0" * 70_000, {}),
        (CONTENT.encode(), {"merkle_root": None}),
    ],
    ids=["a row of two lines", "workbook", "archive", "a line too long", "no root on record"],
)
def test_where_rows_are_not_lines_the_script_says_so_and_still_verifies_the_file(
    custodian: Custodian, tmp_path: Path, content: bytes, columns: dict[str, object]
) -> None:
    signed = custodian.receipt(custodian.receive(content, ["a row"], **columns))

    code, lines = verify(tmp_path, signed, public_key(custodian.store.keyring), content=content)

    assert (code, lines[:2]) == (0, ["signature: holds", "file: holds"])
    assert lines[2].startswith("rows: not checked")


def test_a_receipt_that_was_changed_or_signed_by_another_does_not_hold(custodian: Custodian, tmp_path: Path) -> None:
    signed = custodian.receipt(custodian.receive(CONTENT.encode(), ROWS))
    key = public_key(custodian.store.keyring)

    for name, value in {"rows": 4, "received_at": "2026-11-20T12:00:01+00:00", "contract_reference": "A-1"}.items():
        forged = replace(signed, receipt={**signed.receipt, name: value})
        assert verify(tmp_path, forged, key, content=CONTENT.encode()) == (1, ["signature: DOES NOT HOLD"])
    assert verify(tmp_path, signed, "11" * 32) == (1, ["signature: DOES NOT HOLD"])
    checkpoint = custodian.store.keyring.ledger_key.sign(canonical(signed.receipt).encode()).hex()
    assert verify(tmp_path, replace(signed, signature=checkpoint), key) == (1, ["signature: DOES NOT HOLD"])


def test_the_receipt_says_what_was_received_and_names_no_person(custodian: Custodian) -> None:
    lead_file_id = custodian.receive(
        CONTENT.encode(),
        ROWS,
        contract_reference="A-1",
        invoice_reference="F-2",
        order_reference="O-3",
        wash_register="nix",
        wash_version=date(2026, 11, 15),
        rows_accepted=2,
        rows_rejected=3,
    )

    receipt = custodian.receipt(lead_file_id).receipt

    assert {name: receipt[name] for name in ("supplier", "source", "seller", "lead_file", "received_by")} == {
        "supplier": "partner",
        "source": "tavling",
        "seller": "norrsken",
        "lead_file": lead_file_id,
        "received_by": "user",
    }
    assert (receipt["contract_reference"], receipt["invoice_reference"], receipt["order_reference"]) == (
        "A-1",
        "F-2",
        "O-3",
    )
    assert (receipt["wash_register"], receipt["wash_version"]) == ("nix", "2026-11-15")
    assert (receipt["rows"], receipt["accepted"], receipt["rejected"]) == (5, 2, 3)
    assert receipt["received_at"] == receipt["issued_at"] == "2026-11-20T12:00:00+00:00"
    assert receipt["kept_until"] == "2031-11-21T12:00:00+00:00"
    assert "a-person" not in canonical(receipt)


def test_a_file_that_is_still_being_read_has_no_receipt(custodian: Custodian) -> None:
    with pytest.raises(LeadFileUnfinished):
        custodian.receipt(custodian.receive(CONTENT.encode(), ROWS, state="reading"))


def test_a_receipt_is_for_those_who_answer_for_the_sellers_deliveries(custodian: Custodian) -> None:
    lead_file_id = custodian.receive(CONTENT.encode(), ROWS)
    with custodian.store.reading() as session:
        norrsken = session.scalars(select(Source.seller_id).where(Source.slug == "tavling")).one()
        soder = session.scalars(select(Source.seller_id).where(Source.slug == "soders")).one()

    assert custodian.receipt(lead_file_id, lead_manager(norrsken)).receipt["lead_file"] == lead_file_id
    with pytest.raises(NotFound):
        custodian.receipt(lead_file_id, lead_manager(soder))
    with pytest.raises(Forbidden):
        custodian.receipt(lead_file_id, Caller("u", "u", "user", Role.SALES, None))


def texts_of(content: str) -> RowTexts:
    """Return what reads the rows of a kept file again, two at a time."""
    rows = content.splitlines()
    return lambda lead_file: iter([rows[at : at + 2] for at in range(0, len(rows), 2)])


def proof(custodian: Custodian, lead_file_id: str, row_no: int, rows: str = "\n".join(ROWS)) -> RowProof:
    """Return the proof of a row."""
    with custodian.store.reading() as session:
        return proof_of(session, OPERATOR, lead_file_id, row_no, texts_of(rows))


def test_what_stands_twice_in_a_receipt_or_a_proof_does_not_hold(custodian: Custodian, tmp_path: Path) -> None:
    """A reader may see the one, and the script the other that was signed."""
    lead_file_id, key = custodian.receive(CONTENT.encode(), ROWS), public_key(custodian.store.keyring)
    signed = custodian.receipt(lead_file_id)
    receipt, proved = tmp_path / "receipt.json", tmp_path / "proof.json"
    whole = {"receipt": signed.receipt, "signature": signed.signature}
    texts = json.dumps(whole), json.dumps(asdict(proof(custodian, lead_file_id, 3)))

    def told(of_receipt: str, of_proof: str) -> tuple[int, list[str]]:
        receipt.write_text(of_receipt)
        proved.write_text(of_proof)
        command = [sys.executable, "-I", str(SCRIPT), str(receipt), "--public-key", key, "--proof", str(proved)]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ran.stderr == ""
        return ran.returncode, ran.stdout.splitlines()

    assert told(*texts) == (0, ["signature: holds", "row 3: holds"])
    for doubled in (
        '{"receipt": {"accepted": 9}, ' + texts[0][1:],
        texts[0].replace('"accepted"', '"accepted": 9, "accepted"'),
    ):
        assert told(doubled, texts[1]) == (1, ["signature: DOES NOT HOLD"])
    assert told(texts[0], '{"row": "another", ' + texts[1][1:]) == (1, ["signature: holds", "proof: DOES NOT HOLD"])


@pytest.mark.parametrize("row_no", range(1, len(ROWS) + 1))
def test_one_row_is_proved_without_showing_another(custodian: Custodian, tmp_path: Path, row_no: int) -> None:
    lead_file_id = custodian.receive(CONTENT.encode(), ROWS)
    signed, key = custodian.receipt(lead_file_id), public_key(custodian.store.keyring)
    proved = asdict(proof(custodian, lead_file_id, row_no))

    assert proved["row"] == ROWS[row_no - 1]
    assert not any(row in json.dumps(proved) for row in ROWS if row != proved["row"])
    assert verify(tmp_path, signed, key, proof=proved) == (0, ["signature: holds", f"row {row_no}: holds"])
    for changed in (
        {"row": "0701740699;Annan;"},
        {"row_no": row_no % len(ROWS) + 1},
        {"row_no": row_no + 8},
        {"path": proved["path"][1:]},
        {"path": [*proved["path"], "00" * 32]},
    ):
        code, lines = verify(tmp_path, signed, key, proof={**proved, **changed})
        assert code == 1
        assert lines[1].endswith("DOES NOT HOLD")


UNTRUE = [
    *({"lead_file": "another"}, {"rows": 6}, {"rows": 5.0}, {"merkle_root": "00" * 32}, {"form": "another"}),
    *({"row_no": 2.0}, {"row_no": "2\x1b[8m"}, {"row": 7}, {"path": 7}, {"path": ["no hex"]}, {"delivered": "today"}),
]


@pytest.mark.parametrize("changed", UNTRUE)
def test_nothing_else_that_a_proof_says_passes_with_its_row(
    custodian: Custodian, tmp_path: Path, changed: dict[str, object]
) -> None:
    """A reader takes all of it for proved: which file, of how many rows."""
    lead_file_id, key = custodian.receive(CONTENT.encode(), ROWS), public_key(custodian.store.keyring)
    signed, proved = custodian.receipt(lead_file_id), asdict(proof(custodian, lead_file_id, 2))

    code, lines = verify(tmp_path, signed, key, proof={**proved, **changed}, apart=True)

    assert (code, lines[0]) == (1, "signature: holds")
    assert lines[1].endswith(": DOES NOT HOLD")
    assert lines[1].isprintable()


NO_RECEIPTS = [
    *("", "[]", "7", "[" * 99_999, "\xff", '{"receipt": {}}', '{"receipt": 7, "signature": 7}'),
    *('{"receipt": "\\ud800", "signature": ""}', '{"receipt": {}, "signature": "", "given": 1}'),
]


@pytest.mark.parametrize("told", NO_RECEIPTS)
def test_what_is_no_receipt_is_told_so_in_a_line(tmp_path: Path, told: str) -> None:
    (tmp_path / "receipt.json").write_text(told, "latin-1")
    command = [sys.executable, "-I", str(SCRIPT), str(tmp_path / "receipt.json"), "--public-key", "00" * 32]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "signature: DOES NOT HOLD\n", "")


def test_a_receipt_with_a_word_added_beside_what_is_signed_does_not_hold(custodian: Custodian, tmp_path: Path) -> None:
    signed = custodian.receipt(custodian.receive(CONTENT.encode(), ROWS))
    path, key = tmp_path / "receipt.json", public_key(custodian.store.keyring)
    path.write_text(json.dumps({"receipt": signed.receipt, "signature": signed.signature, "paid": True}))
    command = [sys.executable, "-I", str(SCRIPT), str(path), "--public-key", key]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "signature: DOES NOT HOLD\n", "")

    path.unlink()
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (1, "", 1), ran.stderr


@pytest.mark.parametrize("row_no", [0, -1, len(ROWS) + 1])
def test_a_row_that_is_not_there_has_no_proof(custodian: Custodian, row_no: int) -> None:
    with pytest.raises(NotFound):
        proof(custodian, custodian.receive(CONTENT.encode(), ROWS), row_no)


def test_rows_that_are_read_otherwise_than_then_are_not_proved(custodian: Custodian) -> None:
    lead_file_id = custodian.receive(CONTENT.encode(), ROWS)

    for read_now in (["x", *ROWS[1:]], ROWS[:-1], [*ROWS, "x"]):
        with pytest.raises(RowNotProvable):
            proof(custodian, lead_file_id, 2, "\n".join(read_now))


@pytest.mark.parametrize("columns", [{"kept": False}, {"merkle_root": None}])
def test_a_file_that_is_not_kept_or_has_no_root_proves_nothing(
    custodian: Custodian, columns: dict[str, object]
) -> None:
    with pytest.raises(RowNotProvable):
        proof(custodian, custodian.receive(CONTENT.encode(), ROWS, **columns), 1)


def aged(custodian: Custodian, place: str, moment: datetime) -> None:
    """Have the kept file's last change at ``moment``: the shelf goes by the machine's clock."""
    path = custodian.shelf._path(place)
    os.utime(path, (moment.timestamp(), moment.timestamp()))


def test_a_file_is_kept_for_five_years_and_then_goes_on_record(custodian: Custodian) -> None:
    lead_file_id = custodian.receive(CONTENT.encode(), ROWS)
    place = custodian.lead_file(lead_file_id).sha256
    aged(custodian, place, NOON)

    assert forget_kept_files(custodian.store, custodian.shelf, datetime(2031, 11, 20, 12, tzinfo=UTC)) == 0
    assert custodian.shelf.places() == {place}

    assert forget_kept_files(custodian.store, custodian.shelf, datetime(2031, 11, 22, tzinfo=UTC)) == 1
    assert forget_kept_files(custodian.store, custodian.shelf, datetime(2031, 11, 23, tzinfo=UTC)) == 0
    assert custodian.shelf.places() == frozenset()
    assert not custodian.lead_file(lead_file_id).kept
    with custodian.store.reading() as session:
        [entry] = session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "lead_file.forgotten")).all()
        assert (entry.subject, entry.actor) == (lead_file_id, "operator:jobs")
        assert place in str(entry.payload)


def test_a_file_that_two_sources_delivered_stays_until_the_later_ones_time(custodian: Custodian) -> None:
    first = custodian.receive(CONTENT.encode(), ROWS)
    second = custodian.receive(CONTENT.encode(), ROWS, "soders", kept_until=NOON + KEPT_FOR + timedelta(days=30))
    place = custodian.lead_file(first).sha256
    aged(custodian, place, NOON)

    assert forget_kept_files(custodian.store, custodian.shelf, NOON + KEPT_FOR) == 0
    assert (custodian.lead_file(first).kept, custodian.lead_file(second).kept) == (False, True)
    with custodian.shelf.open(place) as file:
        assert file.read() == CONTENT.encode()

    assert forget_kept_files(custodian.store, custodian.shelf, NOON + KEPT_FOR + timedelta(days=30)) == 1
    assert custodian.shelf.places() == frozenset()


def test_what_no_lead_file_names_goes_after_a_day_and_not_while_it_may_be_arriving(custodian: Custodian) -> None:
    place = custodian.shelf.receive(io.BytesIO(b"an import that came to nothing")).place
    aged(custodian, place, NOON)

    assert forget_kept_files(custodian.store, custodian.shelf, NOON + ORPHAN_AFTER) == 0
    assert forget_kept_files(custodian.store, custodian.shelf, NOON + ORPHAN_AFTER + timedelta(seconds=1)) == 1


def test_a_run_that_was_killed_before_the_file_went_is_made_good(custodian: Custodian) -> None:
    lead_file_id = custodian.receive(CONTENT.encode(), ROWS, kept=False)
    place = custodian.lead_file(lead_file_id).sha256
    aged(custodian, place, NOON)

    assert forget_kept_files(custodian.store, custodian.shelf, NOON + KEPT_FOR) == 1
    assert custodian.shelf.places() == frozenset()
