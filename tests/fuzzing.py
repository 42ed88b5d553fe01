"""Hostile lead files by the thousand, thrown at all readers: ``python -m tests.fuzzing READERS FOLDER RUNS``.

Guided by coverage where the fuzzer is installed (Linux on x86-64), by chance elsewhere. It ends with 0 if nothing was
found, with another number and the traceback on stderr if a reader did anything but read or refuse. ``FOLDER`` is where
the files to begin with are put, and the one that broke a reader.
"""

import gzip
import io
import os
import random
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

try:
    import atheris
except ImportError:  # there is no build of it for this machine
    atheris = None

with ExitStack() as watched:
    if atheris is not None and __name__ == "__main__":
        watched.enter_context(atheris.instrument_imports(include=["leads"]))
    from leads.archives import open_content
    from leads.errors import UnclearHeadings, UnreadableLeadFile
    from leads.json_lines import JsonLinesReader, looks_like_json_lines
    from leads.rows import RawRow, RowReason
    from leads.spreadsheets import SpreadsheetReader
    from tests import readings

from tests.workbooks import by_hand, sheet, zipped

IS_GUIDED = atheris is not None
LIMIT = 8 << 20
"""Bytes of text that a fuzzed delivery may expand to."""
LONGEST = 4096
MEMORY = 700
"""MiB that the whole process may take; the fuzzer itself and the libraries take some 150 of them."""
SCRAPS = [
    b'"',
    b"\n",
    b"\r",
    b";",
    b"\0",
    b"\xff",
    b"<c",
    b"<f>",
    b' r="',
    b"</row>",
    b"{",
    b"\\u",
    b"PK\x01\x02",
    b"&",
    b"/>",
]

ROWS = (
    '<row r="1"><c r="A1" t="str"><v>tel</v></c><c r="B1" s="0" t="s"><v>0</v></c></row>'
    '<row r="2" hidden="1"><c r="A2"><v>46701740605</v></c><c r="B2"><f>1</f><v>1</v></c></row>'
    '<row><c t="e"><v>#N/A</v></c><c t="inlineStr"><is><t>a</t></is></c><c t="b"><v>1</v></c>'
    '<c t="d"><v>2026-01-02</v></c></row>'
)
TEXTS = "<si><t>namn</t></si><si><r><t>a</t></r></si>"
STYLES = (
    b"<styleSheet><numFmts><numFmt numFmtId='164' formatCode='yyyy'/></numFmts><cellXfs><xf numFmtId='164'/></cellXfs>"
    b"</styleSheet>"
)
CSV = 'Telefon;Namn;Född\r\n0701740605;"Öberg; ""Åsa""";2001-05-03\r\n070-174 06 06;"två\nrader";\r\n'.encode()
LINES = b'{"tel": "0701740605", "n": [1, {"a": null}]}\n{"tel": 4.67e10, "x": true}\n\n{"tel": "\\ud83d"}\n'


def read_delivery(content: bytes) -> list[RawRow]:
    """Return the rows of a delivery, read as its bytes say that it should be.

    Raises:
        UnreadableLeadFile, UnclearHeadings: it cannot be read.
    """
    with open_content(io.BytesIO(content), limit=LIMIT) as found:
        if found.kind == "text":
            return accounted(read_text(found.stream.read()))
        return accounted(SpreadsheetReader(found.stream).rows())


def read_text(content: bytes) -> list[RawRow]:
    """Return the rows of a text, JSON Lines or CSV."""
    if looks_like_json_lines(content[:200].decode("latin-1")):
        return list(JsonLinesReader(io.TextIOWrapper(io.BytesIO(content), "utf-8", "replace", newline="")).rows())
    return readings.read_text(content)[1]


def accounted(found: Iterable[RawRow]) -> list[RawRow]:
    """Return the rows if they are numbered without a gap and made of text that can be kept, or bad for a reason."""
    rows = list(found)
    for count, row in enumerate(rows, 1):
        assert row.row_no == count
        assert row.fault is None or isinstance(row.fault, RowReason)
        for cell in row.cells:
            assert type(cell) is str
            assert row.fault is not None or cell.encode() is not None
    return rows


def wrapped(content: bytes) -> bytes:
    """Return a delivery whose form the first byte of ``content`` chooses; the rest is what is in it."""
    form, inner = content[:1] or b"\0", content[1:]
    match form[0] % 9:
        case 0:
            return gzip.compress(inner, 1, mtime=0)
        case 1:
            return zipped({"a": inner})
        case 2:
            return by_hand(inner.decode(errors="replace"), texts=TEXTS)
        case 3:
            return by_hand(ROWS, texts=TEXTS, others={"xl/worksheets/sheet1.xml": inner})
        case 4:
            return by_hand(ROWS, others={"xl/sharedStrings.xml": inner})
        case 8:
            return by_hand(ROWS, texts=TEXTS, others={"xl/styles.xml": inner})
        case 5:
            return by_hand(ROWS, texts=TEXTS, others={"xl/workbook.xml": inner})
        case 6:
            return by_hand(ROWS, texts=TEXTS, others={"xl/_rels/workbook.xml.rels": inner})
        case _:
            return inner


def read_or_refuse(content: bytes) -> None:
    """Throw one input at the readers; whatever they raise but a refusal comes out of here."""
    try:
        read_delivery(wrapped(content))
    except (UnreadableLeadFile, UnclearHeadings):
        return


def break_shallowly(content: bytes) -> None:
    """Break as a reader would that takes a quote at the end of a text for a closed one."""
    if content.endswith(b'"'):
        raise IndexError("a planted bug")


def break_deeply(content: bytes) -> None:
    """Break as a reader would that knows one odd beginning: found only by who watches how far each input comes."""
    for place, letter in enumerate(b"\x07sep"):
        if content[place : place + 1] != bytes([letter]):
            return
    raise IndexError("a planted bug")


READERS: dict[str, Callable[[bytes], None]] = {
    "all": read_or_refuse,
    "shallow-bug": break_shallowly,
    "deep-bug": break_deeply,
}


def seeds() -> list[bytes]:
    """Return inputs to begin with: one good delivery of each form."""
    book = sheet([["tel", "namn"], ["0701740605", "Åsa"], [46701740606, 1.5]])
    parts = f"<worksheet><sheetData>{ROWS}</sheetData><mergeCells><mergeCell ref='A1:A2'/></mergeCells></worksheet>"
    plain = [CSV, LINES, CSV.decode().encode("cp1252"), CSV.decode().encode("utf-16"), gzip.compress(CSV), book]
    return [
        *(b"\x07" + content for content in [*plain, zipped({"a.csv": CSV}), gzip.compress(book)]),
        *(b"\x00" + content for content in (CSV, LINES)),
        *(b"\x01" + content for content in (CSV, LINES)),
        b"\x02" + ROWS.encode(),
        b"\x03" + parts.encode(),
        b"\x04" + f"<sst>{TEXTS}</sst>".encode(),
        b"\x08" + STYLES,
        b"\x05<workbook xmlns:r='x'><workbookPr date1904='1'/><sheets><sheet name='A' r:id='r1'/></sheets></workbook>",
        b"\x06<Relationships><Relationship Id='r1' Type='a/worksheet' Target='worksheets/sheet1.xml'/></Relationships>",
    ]


def spoiled(content: bytes, chance: random.Random) -> bytes:
    """Return ``content`` with a few bytes changed, cut out, doubled or put in."""
    spoilt = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(spoilt) + 1)
        match chance.randrange(5):
            case 0:
                spoilt[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del spoilt[at : at + chance.randrange(20)]
            case 2:
                spoilt[at:at] = spoilt[at : at + chance.randrange(40)]
            case 3:
                spoilt[at:at] = chance.choice(SCRAPS)
            case _:
                del spoilt[at:]
    return bytes(spoilt[:LONGEST])


def try_by_chance(reader: Callable[[bytes], None], folder: Path, runs: int) -> int:
    """Throw ``runs`` spoiled inputs at ``reader``; return 1 if one broke it, having kept it in ``folder``."""
    chance, start = random.Random(1), seeds()
    for _ in range(runs):
        content = spoiled(chance.choice(start), chance)
        try:
            reader(content)
        except Exception:  # noqa: BLE001 - whatever it is, it is what was looked for
            traceback.print_exc()
            (folder / "crash").write_bytes(content)
            return 1
    return 0


def main(name: str, folder: Path, runs: int) -> int:
    """Fuzz the readers of that name; return 0 if nothing was found.

    Where it is guided, the process ends by itself if something was, or when all is run.
    """
    if not IS_GUIDED:
        return try_by_chance(READERS[name], folder, runs)
    corpus = folder / "corpus"
    corpus.mkdir()
    for count, seed in enumerate(seeds()):
        (corpus / str(count)).write_bytes(seed)
    reader = atheris.instrument_func(READERS[name])
    options = [
        f"-runs={runs}",
        "-seed=1",
        f"-max_len={LONGEST}",
        f"-rss_limit_mb={MEMORY}",
        "-timeout=20",
        "-verbosity=1",
    ]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={folder}/", str(corpus)], reader)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    os.environ.setdefault("RUST_BACKTRACE", "0")
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
