"""A change list is taken only where it is shown, or said, to go on from the version in force."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from core.errors import ServiceError
from dnc.registers.errors import RegisterBaseMissing, RegisterBaseOther, RegisterDateInFuture, RegisterFileEmpty
from dnc.registers.layouts import FileKind
from service import Service
from tests.registers import in_force_id, load

DAY = date(2026, 11, 15)
LATER = date(2026, 11, 16)
FULL = "".join(f"202,55501{n:02}\n" for n in range(100))
DATELESS = {"change_columns": {"area": 1, "local": 2, "action": 3}}


def load_text(
    service: Service,
    content: str,
    as_of: date,
    kind: FileKind = FileKind.FULL,
    *,
    base: date | None = None,
    layout: Mapping[str, object] | None = None,
) -> int:
    """Load what a register sends; return how many numbers are listed."""
    path = service.settings.data_dir / "delivered"
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, encoding="utf-8")
    said = None if layout is None else json.dumps(layout)
    return load(service, path, as_of, name="us", kind=kind, base=base, layout=said).count


def refused_with(
    service: Service, error: type[ServiceError], content: str, layout: Mapping[str, object] | None
) -> None:
    good = in_force_id(service, "us")
    with pytest.raises(error):
        load_text(service, content, LATER, FileKind.CHANGES, layout=layout)
    assert in_force_id(service, "us") == good


@pytest.mark.parametrize(
    ("content", "layout"),
    [("202,5550100,D,2026-11-14\n", None), ("202,5550100,D\n", DATELESS)],
    ids=["all older than the version", "without dates"],
)
def test_changes_that_do_not_show_what_they_go_on_from_are_taken_only_if_somebody_says_so(
    service: Service, content: str, layout: Mapping[str, object] | None
) -> None:
    load_text(service, FULL, DAY)
    refused_with(service, RegisterBaseOther, content, layout)

    assert load_text(service, content, LATER, FileKind.CHANGES, base=DAY, layout=layout) == 99


def test_a_list_that_was_applied_before_another_is_not_applied_again(service: Service) -> None:
    load_text(service, FULL, DAY)
    removes = "202,5550100,D,2026-11-16T08:00\n"
    load_text(service, removes, LATER, FileKind.CHANGES)
    load_text(service, "202,5550100,A,2026-11-16T09:00\n", LATER, FileKind.CHANGES)

    refused_with(service, RegisterBaseOther, removes, None)


@pytest.mark.parametrize("base", [None, DAY], ids=["by its dates", "as somebody says"])
def test_a_change_from_a_day_that_has_not_come_does_not_outdo_the_others(service: Service, base: date | None) -> None:
    load_text(service, FULL, DAY)
    content = "202,5550100,A,2026-11-16\n202,5550100,D,2062-11-16\n"
    good = in_force_id(service, "us")

    with pytest.raises(RegisterDateInFuture, match="2062-11-16"):
        load_text(service, content, LATER, FileKind.CHANGES, base=base)

    assert in_force_id(service, "us") == good


def test_changes_to_a_wash_make_no_register_that_speaks_of_everybody(service: Service) -> None:
    wash = {
        "key": "wash",
        "delimiter": ";",
        "columns": {"number": 1, "result": 2},
        "change_columns": None,
        "prefix": "any",
        "listed": ["yes"],
        "not_listed": ["no"],
        "markup": None,
    }
    load_text(service, "+12025550100;yes\n+12025550101;no\n", DAY, layout=wash)

    refused_with(service, RegisterBaseMissing, "202,5550102,A,2026-11-16\n", None)


def test_changes_that_leave_nobody_listed_are_refused_though_somebody_says_that_they_are_right(
    service: Service, tmp_path: Path
) -> None:
    load_text(service, "202,5550100\n", DAY)
    good, changes = in_force_id(service, "us"), tmp_path / "changes"
    changes.write_text("202,5550100,D,2026-11-16\n", encoding="utf-8")

    with pytest.raises(RegisterFileEmpty):
        load(service, changes, LATER, name="us", kind=FileKind.CHANGES, accept="they all left")

    assert in_force_id(service, "us") == good
