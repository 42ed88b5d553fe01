"""Whatever is changed, removed, reordered, repeated or put in: verification finds it."""

import copy
import io
import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.checkpoints import make_checkpoint, public_key
from core.clock import FixedClock
from core.database import open_engine
from core.exporting import export_ledger, read_export
from core.ledger import Event, put_on_record
from core.secrets import keyring
from core.store import Store
from core.verification import Verified, verify
from tests.databases import SqliteTemplate

Line = dict[str, Any]
START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
EXAMPLES = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Export:
    """An export of a ledger of three chains under three checkpoints, and its public key."""

    text: str
    key: str

    @property
    def lines(self) -> list[Line]:
        return [json.loads(line) for line in self.text.splitlines()]

    def places(self, kind: str) -> list[int]:
        return [place for place, line in enumerate(self.lines) if line["type"] == kind]


@pytest.fixture(scope="module")
def export(sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory) -> Export:
    keys, clock, written = keyring(b"k" * 32), FixedClock(START), io.BytesIO()
    with sqlite_template.copy(tmp_path_factory.mktemp("ledger")) as url:
        for writer in range(3):
            store = Store(open_engine(url, pool_size=2), keys, clock)
            for count in range(4):
                clock.at += timedelta(seconds=7, microseconds=111_111)
                with store.writing() as session:
                    for part in range(count + 1):
                        payload = {"writer": writer, "part": part, "text": "åäö \"'\\ ☎"}
                        put_on_record(session, Event("test.noted", f"s{part}", "operator:tests", None, payload))
            assert make_checkpoint(store) == writer + 1
            with store.reading() as session:
                written.seek(0)
                export_ledger(session, public_key(keys), written)
            store.close()
    return Export(written.getvalue().decode(), public_key(keys))


def findings(export: Export, lines: list[Line]) -> Verified:
    return verify(lines, export.key)


def test_an_untouched_export_verifies(export: Export) -> None:
    done = findings(export, export.lines)

    assert done.findings == ()
    assert (done.chains, done.entries, done.checkpoints, done.erased) == (3, 33, 3, 0)


@EXAMPLES
@given(choice=st.randoms(use_true_random=False))
def test_any_removed_line_is_found(export: Export, choice: random.Random) -> None:
    lines = export.lines
    del lines[choice.randrange(len(lines))]

    assert findings(export, lines).findings


@EXAMPLES
@given(choice=st.randoms(use_true_random=False), removed=st.integers(min_value=1, max_value=20))
def test_an_export_that_was_cut_short_is_found(export: Export, choice: random.Random, removed: int) -> None:
    assert findings(export, export.lines[:-removed]).findings


@EXAMPLES
@given(choice=st.randoms(use_true_random=False))
def test_any_line_given_twice_is_found(export: Export, choice: random.Random) -> None:
    lines = export.lines
    twice = choice.choice(lines)
    lines.insert(choice.randrange(len(lines) + 1), twice)

    assert findings(export, lines).findings


@EXAMPLES
@given(choice=st.randoms(use_true_random=False))
def test_any_two_lines_that_changed_places_are_found(export: Export, choice: random.Random) -> None:
    lines = export.lines
    one, other = choice.sample(range(len(lines)), 2)
    lines[one], lines[other] = lines[other], lines[one]

    assert findings(export, lines).findings


@EXAMPLES
@given(choice=st.randoms(use_true_random=False))
def test_a_made_up_entry_is_found_wherever_it_is_put(export: Export, choice: random.Random) -> None:
    lines = export.lines
    place = choice.choice(export.places("entry"))
    made_up = {**lines[place], "subject": "made-up"}
    if choice.random() < 0.5:
        made_up["seq"] += 1
    lines.insert(place + choice.randrange(2), made_up)

    assert findings(export, lines).findings


@EXAMPLES
@given(choice=st.randoms(use_true_random=False), other=st.one_of(st.none(), st.integers(-2, 50), st.text(max_size=20)))
def test_any_changed_value_is_found(export: Export, choice: random.Random, other: object) -> None:
    lines = export.lines
    place = choice.randrange(len(lines))
    name = choice.choice(sorted(lines[place]))
    if other == lines[place][name] or (name, other) == ("to", 3):
        return  # what the third checkpoint signs is all that there is: a part up to it is the same export
    lines[place][name] = other

    assert findings(export, lines).findings


@EXAMPLES
@given(choice=st.randoms(use_true_random=False))
def test_any_value_that_is_left_out_is_found(export: Export, choice: random.Random) -> None:
    lines = export.lines
    place = choice.randrange(len(lines))
    del lines[place][choice.choice(sorted(lines[place]))]

    assert findings(export, lines).findings


def test_any_single_flipped_bit_of_the_file_is_found(export: Export, tmp_path: Path) -> None:
    """A sample over the whole file, from a seed; whatever stands there: a digit, a letter's case, a line's end."""
    intact, chosen, path = export.text.encode(), random.Random(20261120), tmp_path / "export"
    step = 2 * len(intact) // 700
    for start in range(0, 8 * len(intact), 4 * step):
        bit = min(start + chosen.randrange(4 * step), 8 * len(intact) - 1)
        flipped = bytearray(intact)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        assert verify(read_export(path), export.key).findings, f"bit {bit % 8} of byte {bit // 8}"


@pytest.mark.parametrize("kind", ["header", "chain", "entry", "checkpoint", "end"])
def test_flipped_bits_all_along_one_line_of_each_kind_is_found(export: Export, tmp_path: Path, kind: str) -> None:
    """Among them the letter case of a signature and the ways in which a moment can be written otherwise."""
    lines, path = export.text.encode().splitlines(keepends=True), tmp_path / "export"
    place = export.places(kind)[-1]
    line = lines[place]
    for bit in range(0, 8 * len(line), 3):
        flipped = bytearray(line)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(b"".join([*lines[:place], bytes(flipped), *lines[place + 1 :]]))
        assert verify(read_export(path), export.key).findings, f"bit {bit % 8} of byte {bit // 8}: {bytes(flipped)!r}"


@EXAMPLES
@given(erased=st.sets(st.integers(0, 32)))
def test_payloads_that_are_gone_without_a_word_are_found(export: Export, erased: set[int]) -> None:
    lines = export.lines
    entries = export.places("entry")
    for index in erased:
        lines[entries[index]]["payload"] = None

    done = findings(export, lines)

    assert {finding.what for finding in done.findings} == ({"erased"} if erased else set())
    assert done.erased == len(done.findings) == len(erased)


JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
NAMES = "no|seq|head|chain|at|kind|subject|actor|seller_id|payload|digest|hash|signature|opened_at|chains|entries"
KNOWN_NAMES = st.from_regex(NAMES, fullmatch=True)


@EXAMPLES
@given(
    junk=st.dictionaries(KNOWN_NAMES, JUNK, max_size=19),
    kind=st.sampled_from(["header", "chain", "entry", "checkpoint", "end", "x"]),
    choice=st.randoms(use_true_random=False),
)
def test_lines_of_any_content_are_found_and_never_raise(
    export: Export, junk: Line, kind: str, choice: random.Random
) -> None:
    lines = copy.deepcopy(export.lines)
    lines.insert(choice.randrange(len(lines) + 1), {**junk, "type": kind})

    assert findings(export, lines).findings


@pytest.mark.parametrize("kind", [[], {}])
def test_an_erased_entry_whose_kind_is_no_text_is_found(export: Export, kind: object) -> None:
    lines = export.lines
    lines[export.places("entry")[-1]] |= {"kind": kind, "payload": None}

    assert findings(export, lines).findings


def test_a_chain_of_an_absurd_number_is_found_at_once(export: Export) -> None:
    lines = export.lines
    lines.insert(4, {"type": "chain", "no": 10**30, "opened_at": START.isoformat(), "seq": 0, "head": "0" * 64})

    assert findings(export, lines).findings


def test_a_line_too_deep_to_read_is_found(export: Export, tmp_path: Path) -> None:
    path = tmp_path / "export"
    path.write_text(export.text + "[" * 200_000 + "\n", encoding="utf-8")

    assert verify(read_export(path), export.key).findings
