"""What a screened file says of each row beside what it came with. Pure, and made once for each distinct answer."""

import json
from collections.abc import Sequence
from typing import Final

from dnc.deciding import Decided
from dnc.grounds import GroundKind
from leads.headings import plain_heading

ADDED: Final = ("verdict", "reasons", "fault", "ground", "basis", "say", "valid_until", "retry_at")
"""The columns that are added: what ``check`` answers, with reasons set apart by spaces."""
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def added_headings(headings: Sequence[str]) -> list[str]:
    """Return the headings of what is added: ones that the file does not have yet."""
    taken = {plain_heading(heading) for heading in headings}
    count = next(
        n for n in range(len(taken) + 1) if not any(plain_heading(f"{name}{n or ''}") in taken for name in ADDED)
    )
    return [f"{name}{count or ''}" for name in ADDED]


def added_cells(answer: dict[str, object]) -> list[str]:
    """Return the cells that are added to a row with this answer, in the wire form of a check."""
    reasons = _list(answer["reasons"])
    basis, source = _object(answer["lawful_basis"]), _object(answer["source"])
    fault = next((str(reason["fault"]) for reason in reasons if "fault" in reason), "")
    cells = (
        answer["verdict"],
        " ".join(str(reason["code"]) for reason in reasons),
        fault,
        ground_of(source),
        basis.get("basis"),
        source.get("say"),
        answer["valid_until"],
        answer["retry_at"],
    )
    return [harmless(str(cell)) if cell is not None else "" for cell in cells]


def ground_of(source: dict[str, object]) -> str:
    """Return what carries the call: ``lead``, ``consent`` or ``relation``, empty if nothing does."""
    kind = source.get("kind")
    if kind is None:
        return ""
    return str(kind) if kind in (GroundKind.CONSENT, GroundKind.RELATION) else GroundKind.LEAD.value


def harmless(cell: str) -> str:
    """Return a text so that no spreadsheet takes it for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def answer_of(decided: Decided) -> dict[str, object]:
    """Return the answer in its wire form; of dates only what all that are decided alike have in common."""
    return shared(json.loads(decided.common))


def shared(answer: dict[str, object]) -> dict[str, object]:
    """Return the answer without when the lead was collected: that was the first one's of all that are alike."""
    source = _object(answer["source"])
    if "collected_at" in source:
        answer = {**answer, "source": {name: value for name, value in source.items() if name != "collected_at"}}
    return answer


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[dict[str, object]]:
    return value if isinstance(value, list) else []
