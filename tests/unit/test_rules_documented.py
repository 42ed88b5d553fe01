"""docs/rules.md says of every reason what it rests on, where it is found and what shows it, and says it truly."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from dnc.narrowing import SELLER_RULE, Narrowing
from dnc.policies.catalogue import HYPOTHETICAL, POLICIES, Policy
from dnc.policies.denmark import EXCEPTED_PRODUCTS
from dnc.reasons import ReasonCode, reason_for
from tests.unit.policies_written import values_of

ROOT = Path(__file__).parents[2]
RULES = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
ROWS = {
    cells[0].strip("`"): cells
    for line in RULES.splitlines()
    if line.startswith("| `")
    for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
}


def table_under(heading: str) -> dict[str, list[str]]:
    """Return the cells of each row of the first table under a heading, by the first cell."""
    lines = RULES.partition(f"\n{heading}\n")[2].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("| "))
    rows = []
    for line in lines[first + 2 :]:
        if not line.startswith("| "):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    assert len({row[0] for row in rows}) == len(rows)
    return {row[0]: row[1:] for row in rows}


def heading_of(policy: Policy) -> str:
    """Return the heading under which a policy's values stand."""
    found = [line for line in RULES.splitlines() if line.startswith("### ") and f"`{policy.version}`" in line]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.version)
def test_every_value_of_every_policy_stands_in_the_document_as_it_is(policy: Policy) -> None:
    table = table_under(heading_of(policy))

    assert {name: cells[0] for name, cells in table.items()} == values_of(policy)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.version)
def test_every_value_names_its_source_or_is_said_to_be_assumed(policy: Policy) -> None:
    for name, (value, source) in table_under(heading_of(policy)).items():
        is_known = "](https://" in source or "assumption" in source or "From memory" in source
        assert is_known or value == "none" or name in {"zone", "weekend_hours", "opt_out_products"}, name


def test_every_product_word_of_the_law_is_explained() -> None:
    used = EXCEPTED_PRODUCTS.union(*(policy.prohibited_products | policy.opt_out_products for policy in POLICIES))

    assert table_under("## Products").keys() == used


def test_every_rule_that_a_seller_may_set_is_explained() -> None:
    named = {name for names in table_under("## A seller's own rules") for name in names.split(", ")}

    assert named == set(Narrowing.__dataclass_fields__)
    assert SELLER_RULE in RULES


def test_every_law_that_was_only_proposed_is_explained() -> None:
    table = table_under("## Laws that were only proposed")

    assert table.keys() == {policy.version for policy in HYPOTHETICAL}
    for policy in HYPOTHETICAL:
        other = set(policy.rules.values()) | {policy.consent_rule}
        law = {rule for one in POLICIES for rule in (*one.rules.values(), one.consent_rule)}
        assert all(rule in table[policy.version][0] for rule in other - law)


def test_every_reason_has_one_row_and_every_row_a_reason() -> None:
    assert list(ROWS) == [code.value for code in ReasonCode]
    assert RULES.count("\n| `") == len(ReasonCode)


@pytest.mark.parametrize("code", list(ReasonCode))
def test_a_row_gives_the_category_and_every_rule_id_of_its_reason(code: ReasonCode) -> None:
    _, category, rules, *_ = ROWS[code]
    reason = reason_for(code)

    assert category == reason.category
    named = set(re.findall(r"[A-Z]{2}-[A-Z]+-\d+", rules))
    used = {policy.rules.get(code, reason.rule) for policy in POLICIES} | {reason.rule}
    if code is ReasonCode.NO_LAWFUL_BASIS:
        used |= {policy.consent_rule for policy in POLICIES}
    assert named == used


@pytest.mark.parametrize("code", list(ReasonCode))
def test_a_row_names_a_legal_source(code: ReasonCode) -> None:
    source = ROWS[code][4]

    assert len(source) > len("GDPR art.")
    assert "](" in source or "GDPR art." in source


@pytest.mark.parametrize("code", list(ReasonCode))
def test_a_row_names_code_that_gives_its_reason(code: ReasonCode) -> None:
    path, _, name = ROWS[code][5].strip("`").partition(":")
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))

    assert (ROOT / path).is_file()
    assert callable(getattr(module, name))


@pytest.mark.parametrize("code", list(ReasonCode))
def test_a_row_names_a_test_that_exists_and_speaks_of_its_reason(code: ReasonCode) -> None:
    path, _, name = ROWS[code][6].strip("`").partition("::")
    source = (ROOT / path).read_text(encoding="utf-8")
    named = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == name]

    assert len(named) == 1
    body = ast.unparse(named[0])
    assert f"'{code.value}'" in body or code.name in body


def test_every_decided_case_the_rules_lean_on_is_asked_by_a_test() -> None:
    """Each test of a decided case bears the case's number, and no two the same."""
    source = (ROOT / "tests" / "unit" / "test_decided_cases.py").read_text(encoding="utf-8")
    tests = re.findall(r"def (test_\w+)", source)

    assert len(tests) == len(set(tests))
    for number in ("18_174", "18_391", "18_311", "17_060", "22_118", "19_175"):
        assert any(number in test for test in tests)


def test_every_reason_is_worded_in_both_languages() -> None:
    for code in ReasonCode:
        reason = reason_for(code)
        assert reason.text.endswith(".")
        assert reason.text_sv.endswith(".")
        assert reason.text != reason.text_sv
