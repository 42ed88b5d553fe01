"""A supplier's receipt over HTTP: what was sent in is what the receipt and the proof of a row vouch for."""

import hashlib
import io
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select

from core.access import Caller, Role
from core.checkpoints import public_key
from core.ledger import LedgerEntry, canonical
from leads.importer import import_lead_file
from leads.merkle import Frontier, leaf_hashes
from leads.receipts import SIGNED_AS
from leads.shelf import Shelf
from tests.api.calling import NOBODYS_ID, Json, Ringklar, answered, refused
from tests.seeding import PARTNER_SOURCE

ROWS = ["+46701740640;Åsa", '"+46701740641";Bo', "hemligt;Cia"]
CONTENT = "\n".join(["Telefon;Namn", *ROWS, ""]).encode()


@pytest.fixture
def delivered(ringklar: Ringklar, tmp_path: Path) -> Json:
    """Return the answer to a file that was received and read to its end."""
    path = tmp_path / "leads.csv"
    path.write_bytes(CONTENT)
    service, manager = ringklar.service, Caller("k", "k", "key", Role.LEAD_MANAGER, ringklar.seeded.seller_id)
    report = import_lead_file(
        service.store, service.lead_files, manager, path=path, file_name=path.name, source_slug=PARTNER_SOURCE
    )
    return answered(ringklar.get(f"/v1/lead-files/{report.id}", Role.LEAD_MANAGER), 200)


@pytest.mark.parametrize("role", [Role.LEAD_MANAGER, Role.COMPLIANCE])
def test_the_receipt_vouches_for_what_was_sent(ringklar: Ringklar, delivered: Json, role: Role) -> None:
    signed = answered(ringklar.get(f"/v1/lead-files/{delivered['id']}/receipt", role), 200)
    receipt = signed["receipt"]

    assert (receipt["sha256"], receipt["size"]) == (hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    assert (receipt["rows"], receipt["accepted"], receipt["rejected"]) == (3, 2, 1)
    assert (receipt["source"], receipt["received_by"]) == (PARTNER_SOURCE, "key")
    assert receipt["public_key"] == public_key(ringklar.service.keyring)
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(receipt["public_key"]))
    key.verify(bytes.fromhex(signed["signature"]), SIGNED_AS + canonical(receipt).encode())


def test_each_row_is_proved_against_the_receipts_root(ringklar: Ringklar, delivered: Json) -> None:
    path = f"/v1/lead-files/{delivered['id']}"
    root = answered(ringklar.get(f"{path}/receipt", Role.LEAD_MANAGER), 200)["receipt"]["merkle_root"]

    for row_no, row in enumerate(ROWS, 1):
        proof = answered(ringklar.get(f"{path}/rows/{row_no}/proof", Role.COMPLIANCE), 200)
        assert (proof["row"], proof["row_no"], proof["rows"], proof["merkle_root"]) == (row, row_no, 3, root)
        frontier = Frontier(watched=row_no - 1)
        frontier.append_hashes(leaf_hashes(text.encode() for text in ROWS))
        assert (list(map(bytes.fromhex, proof["path"])), bytes.fromhex(root)) == (frontier.path(), frontier.root())


@pytest.mark.parametrize("row_no", ["0", "4", "-1", "1.0", "x", "9999999999"])
def test_a_row_that_is_not_there_is_not_found(ringklar: Ringklar, delivered: Json, row_no: str) -> None:
    refused(ringklar.get(f"/v1/lead-files/{delivered['id']}/rows/{row_no}/proof", Role.LEAD_MANAGER), 404, "not-found")


def test_another_sellers_delivery_is_not_found(ringklar: Ringklar, delivered: Json) -> None:
    theirs = ringklar.new_key(Role.LEAD_MANAGER, ringklar.seeded.other_seller_id)

    for ending in ("receipt", "rows/1/proof"):
        refused(ringklar.get(f"/v1/lead-files/{delivered['id']}/{ending}", key=theirs), 404, "not-found")
        refused(ringklar.get(f"/v1/lead-files/{NOBODYS_ID}/{ending}", Role.LEAD_MANAGER), 404, "not-found")


def test_a_kept_file_that_was_changed_proves_nothing_and_the_receipt_still_stands(
    ringklar: Ringklar, delivered: Json
) -> None:
    kept = ringklar.service.settings.lead_files_dir / f"{delivered['sha256']}.kept"
    content = bytearray(kept.read_bytes())
    content[60] ^= 1
    kept.write_bytes(content)
    path = f"/v1/lead-files/{delivered['id']}"

    refused(ringklar.get(f"{path}/rows/1/proof", Role.LEAD_MANAGER), 409, "kept-file-damaged")
    answered(ringklar.get(f"{path}/receipt", Role.LEAD_MANAGER), 200)


def test_compliance_downloads_what_was_delivered_and_that_is_on_record(ringklar: Ringklar, delivered: Json) -> None:
    response = ringklar.get(f"/v1/lead-files/{delivered['id']}/original", Role.COMPLIANCE)

    with response:
        assert (response.status_code, response.data) == (200, CONTENT)
    assert response.headers["Content-Length"] == str(len(CONTENT))
    assert response.headers["Content-Disposition"] == f"attachment; filename=original-{delivered['id']}.csv"
    assert response.headers["Cache-Control"] == "no-store"
    with ringklar.service.store.reading() as session:
        [entry] = session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "lead_file.original_taken"))
        assert (entry.subject, entry.actor.partition(":")[0]) == (delivered["id"], "key")
        assert entry.seller_id == ringklar.seeded.seller_id


def test_a_delivery_that_is_damaged_or_under_another_secret_or_another_sellers_is_not_downloaded(
    ringklar: Ringklar, delivered: Json
) -> None:
    path = f"/v1/lead-files/{delivered['id']}/original"
    theirs = ringklar.new_key(Role.COMPLIANCE, ringklar.seeded.other_seller_id)
    kept = ringklar.service.settings.lead_files_dir / f"{delivered['sha256']}.kept"
    sound = kept.read_bytes()

    refused(ringklar.get(path, key=theirs), 404, "not-found")
    kept.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    refused(ringklar.get(path, Role.COMPLIANCE), 409, "kept-file-damaged")
    kept.unlink()
    Shelf(kept.parent, bytes(32)).receive(io.BytesIO(CONTENT))
    refused(ringklar.get(path, Role.COMPLIANCE), 409, "kept-under-another-secret")
    with ringklar.service.store.reading() as session:
        kinds = set(session.scalars(select(LedgerEntry.kind)))
    assert "lead_file.original_taken" not in kinds
