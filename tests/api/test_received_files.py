"""Files while they are being received: held by their receiver, gone when they are over, honest of a full disk."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from app import create_app
from core.access import Role
from core.held_files import open_held
from tests.api.calling import Ringklar, answered, refused
from tests.seeding import PARTNER_SOURCE
from web import uploads

CONTENT = b"Telefon;Namn\n0701740621;Anna\n"
BIG = b"Telefon;Namn\n" + b"".join(b"0701740621;%s\n" % (b"A" * 1_000) for _ in range(4_300))
"""So large that another process reads it."""
KILLED = """
import sys
from pathlib import Path
from core.held_files import open_held
print(open_held(Path(sys.argv[1]), "upload-")[1].name, flush=True)
sys.stdin.read()
"""


def deliver(ringklar: Ringklar, content: bytes = CONTENT) -> TestResponse:
    """Send a delivery as the lead manager; the client's own way would leave a file open."""
    parts = [f'name="source"\r\n\r\n{PARTNER_SOURCE}', 'name="dry_run"\r\n\r\ntrue']
    parts.append(f'name="file"; filename="leads.csv"\r\n\r\n{content.decode()}')
    body = "".join(f"--x\r\nContent-Disposition: form-data; {part}\r\n" for part in parts) + "--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    return ringklar.ask("POST", "/v1/lead-files", role=Role.LEAD_MANAGER, data=body.encode(), headers=headers)


def received(ringklar: Ringklar) -> set[Path]:
    """Return what lies in the folder for files being received."""
    return set((ringklar.service.settings.data_dir / "uploads").iterdir())


def test_what_a_killed_process_left_is_gone_at_the_next_start_and_what_another_receives_is_not(
    on_sqlite: Ringklar,
) -> None:
    folder = on_sqlite.service.settings.data_dir / "uploads"
    living, ours = open_held(folder, "upload-")
    command = [sys.executable, "-c", KILLED, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        theirs = folder / process.stdout.readline().strip()
        create_app(on_sqlite.service)
        assert received(on_sqlite) == {ours, theirs}
        process.kill()

    create_app(on_sqlite.service)

    assert received(on_sqlite) == {ours}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert ours.stat().st_mode & 0o777 == 0o600
    os.close(living)


def test_a_received_file_is_read_by_another_process_too_and_is_gone_afterwards(on_sqlite: Ringklar) -> None:
    assert answered(deliver(on_sqlite, BIG), 202)["rows"] == 4_300
    assert received(on_sqlite) == set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # werkzeug drops a half-sent file open
@pytest.mark.parametrize("content", [CONTENT, BIG], ids=["small", "big"])
def test_a_disk_that_is_full_is_a_refusal_and_nothing_is_half_written(
    on_sqlite: Ringklar, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    before = on_sqlite.row_counts()

    with monkeypatch.context() as patched:
        patched.setattr(uploads, "open_held", lambda *_: (os.open("/dev/full", os.O_RDWR), tmp_path / "full"))
        asked = deliver(on_sqlite, content)
    refused(asked, 503, "storage-unavailable")
    assert asked.headers["Retry-After"]

    assert on_sqlite.row_counts() == before
    assert received(on_sqlite) == set()
    answered(deliver(on_sqlite, content), 202)


def test_a_folder_that_is_gone_is_a_refusal(on_sqlite: Ringklar) -> None:
    (on_sqlite.service.settings.data_dir / "uploads").rmdir()

    refused(deliver(on_sqlite), 503, "storage-unavailable")
