"""Hostile files and forms on every route that takes a file: each gets a clear problem, and nothing is kept."""

import io

import pytest

from core.access import Role
from tests.api.calling import Ringklar, captured_log, refused
from tests.api.hostile import KEY, MARKER, NUMBER, UPLOADS, Watch, send, upload
from tests.seeding import PARTNER_SOURCE


@pytest.mark.parametrize("path", UPLOADS)
def test_a_form_that_is_wrong_is_refused(watch: Watch, path: str) -> None:
    field = next(iter(UPLOADS[path][1]))

    wrong: dict[str, dict[str, object]] = {
        "no file": {"file": None},
        "a text for a file": {"file": MARKER},
        "two files": {"file": [(io.BytesIO(b"1"), "a.csv"), (io.BytesIO(b"2"), "b.csv")]},
        "a file under another name": {"file": None, "other": (io.BytesIO(b"1"), "a.csv")},
        "another file beside it": {"other": (io.BytesIO(b"1"), "a.csv")},
        "no field": {field: None},
        "an empty field": {field: ""},
        "a field twice": {field: [UPLOADS[path][1][field], MARKER]},
        "a wrong field": {field: MARKER},
        "a field with NUL": {field: f"{MARKER}\x00"},
        "a field with line breaks": {field: f"{MARKER}\r\n{NUMBER}"},
        "a huge field": {field: MARKER * 20_000},
        "an unknown field": {KEY: NUMBER},
        "a file for a field": {field: (io.BytesIO(b"1"), "a.csv")},
        "an empty file": {"file": (io.BytesIO(b""), "a.csv")},
        "a file of NUL bytes": {"file": (io.BytesIO(b"\x00" * 5_000), "a.csv")},
        "a zip file": {"file": (io.BytesIO(b"PK\x03\x04" + MARKER.encode() * 9), f"{MARKER}.zip")},
    }
    for what, changed in wrong.items():
        watch.refused(upload(watch, path, **changed), f"{path}: {what}")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # werkzeug drops a half-sent file open
@pytest.mark.parametrize("path", UPLOADS)
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/form-data"),
        (b"", "multipart/form-data; boundary="),
        (b"--b\r\n", "multipart/form-data; boundary=b"),
        (b"--b\r\nContent-Disposition: form-data; name=file; filename=x\r\n", "multipart/form-data; boundary=b"),
        (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' + MARKER.encode(),
            "multipart/form-data; boundary=b",
        ),
        (b"--other\r\n\r\n" + MARKER.encode(), "multipart/form-data; boundary=b"),
        (
            b"--b\r\nContent-Disposition: form-data\r\n\r\n" + MARKER.encode() + b"\r\n"
            b'--b\r\nContent-Disposition: form-data; name="source"\r\n\r\n1\r\n'
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n1\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
        ),
        (b"\x00\xff" * 500, "multipart/form-data; boundary=b"),
        (b'{"source": "' + MARKER.encode() + b'"}', "application/json"),
        (MARKER.encode(), "text/csv"),
        (MARKER.encode(), ""),
        (b"--b\r\n" * 5_000, "multipart/form-data; boundary=b"),
        (
            b"".join(b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n1\r\n' % part for part in range(2_000))
            + b"--b--\r\n",
            "multipart/form-data; boundary=b",
        ),
    ],
)
def test_a_broken_multipart_body_is_refused(watch: Watch, path: str, body: bytes, content_type: str) -> None:
    response = send(watch, path, UPLOADS[path][0], data=body, content_type=content_type)

    watch.refused(response, content_type)


@pytest.mark.parametrize(
    "name",
    [
        "../../../../etc/passwd",
        "/etc/passwd",
        "..\\..\\windows\\system32",
        "zqhemligtzq\x00.csv",
        "zqhemligtzq\r\nSet-Cookie: a=1",
        "z" * 5_000 + ".csv",
        "",
        ".",
        "..",
        "~root",
        "+46701740666.csv",
        "$(touch zqhemligtzq).csv",
        "\u202egpj.exe",
    ],
)
def test_a_file_name_leads_nowhere(shared: Ringklar, name: str) -> None:
    before = shared.row_counts()
    content = io.BytesIO(b"Telefon\n0701740611\n")
    form = {"source": PARTNER_SOURCE, "dry_run": "true", "file": (content, name)}

    with captured_log() as log:
        response = shared.ask("POST", "/v1/lead-files", role=Role.LEAD_MANAGER, data=form)

    if response.status_code == 202:
        kept = response.json["file_name"] if response.json else ""
        assert kept
        assert "/" not in kept
        assert "\\" not in kept
        assert not kept.startswith((".", "~"))
    else:
        assert 400 <= response.status_code < 500
        refused(response, response.status_code)
    assert shared.row_counts() == before
    assert MARKER not in log.getvalue()
    assert "46701740666" not in log.getvalue()
