"""A file that is delivered again is not read again, and whoever meant another reading is told."""

from pathlib import Path

import pytest

from core.store import Store
from leads.intake import HowToRead
from leads.mappings import save_mapping
from tests.deliveries import OPERATOR, deliver, lead_manager, written

FIRST_MAPPING = {"number": "Mobil"}
LINES = ["Telefon;Mobil;Namn;Ålder", "0701740605;0701740606;Åsa;42"]


def warnings(store: Store, path: Path, how: HowToRead | None) -> list[str]:
    """Return what the repeat is told, the same by a dry run."""
    tried = deliver(store, path, how=how, dry_run=True)
    again = deliver(store, path, how=how)
    assert (again.repeated, again.mapping["number"]) == (True, "Mobil")
    assert tried.warnings == again.warnings
    return list(again.warnings or ())


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (None, []),
        (HowToRead(mapping=FIRST_MAPPING), []),
        (HowToRead(mapping={"number": "#2", "name": "namn"}), []),
        (HowToRead(mapping={"number": "Telefon"}), ["the mapping"]),
        (HowToRead(mapping={**FIRST_MAPPING, "number_2": "Telefon"}), ["the mapping"]),
        (HowToRead(mapping={**FIRST_MAPPING, "name": ""}), ["the mapping"]),
        (HowToRead(mapping={"number": "Fax"}), ["the mapping"]),
        (HowToRead(mapping={"number": "#2"}), ["the mapping"]),
        (HowToRead(encoding="utf-8"), []),
        (HowToRead(encoding="cp850"), ["the encoding"]),
        (HowToRead(mapping={"number": "Telefon"}, encoding="cp850"), ["the mapping and the encoding"]),
    ],
)
def test_another_way_of_reading_a_known_file_is_told_to_be_in_vain(
    store: Store, tmp_path: Path, how: HowToRead | None, says: list[str]
) -> None:
    path = written(tmp_path / "a.csv", LINES)
    deliver(store, path, caller=lead_manager(None), how=HowToRead(mapping=FIRST_MAPPING))

    told = warnings(store, path, how)

    assert [one.split(": ")[1].split(" of its first")[0] for one in told] == says


def test_a_mapping_that_was_saved_since_is_told_to_be_in_vain_too(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", LINES)
    deliver(store, path, how=HowToRead(mapping=FIRST_MAPPING))
    with store.writing() as session:
        save_mapping(
            session,
            OPERATOR,
            supplier_slug="partner",
            mapping={"number": "Telefon"},
            encoding=None,
            delimiter=None,
            has_headings=None,
            now=store.clock.now(),
        )

    [told] = warnings(store, path, None)
    assert "the mapping" in told


def test_a_file_without_headings_is_held_against_the_columns_that_were_read(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", LINES[1:])
    deliver(store, path, how=HowToRead(mapping={"number": "#2"}))

    assert deliver(store, path, how=HowToRead(mapping={"number": "#2"})).warnings == ()
    for other in ({"number": "#1"}, {"number": "#2", "name": "#3"}, {"number": "Mobil"}):
        assert len(deliver(store, path, how=HowToRead(mapping=other)).warnings or ()) == 1
