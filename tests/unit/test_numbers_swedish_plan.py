"""The fast path for Swedish numbers is the library, over the library's whole Swedish plan.

Every national prefix of one to five digits is met with every length, fillers of several digits and every clean
spelling, so that each alternative of the library's patterns is entered. Digits are made here, at run time.
"""

import random
from collections.abc import Iterator

import phonenumbers
import pytest
from phonenumbers import PhoneMetadata, PhoneNumber

from core import number_plan
from core.number_plan import (
    LIBRARY_KINDS,
    NumberFault,
    NumberKind,
    country_by_library,
    kind_by_library,
    swedish_kind,
    value_by_library,
    value_of_clean_swedish,
)
from core.numbers import Number, read_number

FILLERS = ("0", "1", "9", "4827365190")
LENGTHS = range(5, 14)


def significant_numbers(depth: int, fillers: tuple[str, ...] = FILLERS) -> Iterator[str]:
    """Yield national significant numbers: each prefix of so many digits, each length, each filler."""
    for prefix in range(10 ** (depth - 1), 10**depth):
        for length in LENGTHS:
            for filler in fillers:
                yield (str(prefix) + filler * length)[: max(length, depth)]


def library_kind(nsn: str) -> NumberKind:
    """Ask the library itself, on its own number object, so that none of our reading stands between."""
    asked = phonenumbers.number_type(PhoneNumber(country_code=46, national_number=int(nsn)))
    return LIBRARY_KINDS.get(asked, NumberKind.UNKNOWN)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_each_prefix_and_length_has_the_kind_the_library_gives_it(depth: int) -> None:
    fillers = FILLERS if depth < 4 else ("0", "4827365190")

    differing = [nsn for nsn in significant_numbers(depth, fillers) if swedish_kind(nsn) is not library_kind(nsn)]

    assert differing == []


def test_five_digit_prefixes_have_the_kind_the_library_gives_them() -> None:
    differing = [
        nsn
        for prefix in range(10000, 100000)
        if swedish_kind(nsn := f"{prefix}{'3' * (prefix % 5 + 2)}") is not library_kind(nsn)
    ]

    assert differing == []


def test_every_kind_of_the_swedish_plan_is_met_and_its_own_examples_have_it() -> None:
    plan = PhoneMetadata.metadata_for_region("SE")
    assert plan is not None
    examples = {
        NumberKind.FIXED_LINE: plan.fixed_line,
        NumberKind.MOBILE: plan.mobile,
        NumberKind.TOLL_FREE: plan.toll_free,
        NumberKind.PREMIUM: plan.premium_rate,
        NumberKind.SHARED_COST: plan.shared_cost,
        NumberKind.PERSONAL: plan.personal_number,
        NumberKind.PAGER: plan.pager,
        NumberKind.UAN: plan.uan,
        NumberKind.VOICEMAIL: plan.voicemail,
    }

    read = {kind: swedish_kind(str(desc.example_number)) for kind, desc in examples.items() if desc is not None}

    assert read == {kind: kind for kind in examples}
    assert {swedish_kind(nsn) for nsn in significant_numbers(3)} == {*examples, NumberKind.UNKNOWN}


@pytest.mark.parametrize("prefix", ["0", "46", "+46", "0046", "", "+460", "460", "00460", "00", "+4600"])
def test_each_prefix_and_length_is_read_as_the_library_reads_it(prefix: str) -> None:
    """Where the fast path answers at all, it is the library's answer; where it should answer, it does."""
    differing, unanswered, answered = [], [], 0
    for nsn in significant_numbers(2, ("0", "4827365190")):
        fast = value_of_clean_swedish(prefix + nsn)
        if fast is None:
            if prefix in ("0", "+46", "0046") and swedish_kind(nsn) is not NumberKind.UNKNOWN:
                unanswered.append(prefix + nsn)
        else:
            answered += 1
            if fast != value_by_library(prefix + nsn, "SE"):
                differing.append(prefix + nsn)

    assert (differing, unanswered) == ([], [])
    assert bool(answered) == (prefix != "+4600")


@pytest.mark.parametrize("prefix", ["0", "46", "+46", "0046", ""])
def test_a_sample_of_all_three_digit_prefixes_is_read_as_the_library_reads_it(prefix: str) -> None:
    rng = random.Random(46)
    sample = rng.sample(list(significant_numbers(3, ("0", "1", "4827365190"))), 3000)

    differing = [
        prefix + nsn
        for nsn in sample
        if (fast := value_of_clean_swedish(prefix + nsn)) is not None and fast != value_by_library(prefix + nsn, "SE")
    ]

    assert differing == []


def test_digits_that_begin_with_46_and_could_lack_a_zero_are_never_settled_by_the_fast_path_alone() -> None:
    """Lund is 046 and Sweden is 46: each such text is read as the library's two readings say, or is ambiguous."""
    rng = random.Random(8)
    texts = [f"46{rng.randrange(10 ** (length - 1), 10**length)}" for length in range(5, 12) for _ in range(400)]

    for text in texts:
        slow = value_by_library(text, "SE")
        read = read_number(text)
        assert (read.value if isinstance(read, Number) else read) == slow
        as_lund, as_sweden = library_kind(text), library_kind(text[2:])
        if as_lund in number_plan._MAY_LACK_ZERO and as_sweden is not NumberKind.UNKNOWN:
            assert slow is NumberFault.AMBIGUOUS


def test_what_the_library_itself_reads_with_a_prefix_is_what_we_read() -> None:
    """Our reading by the library adds refusals to its own, never another number."""
    rng = random.Random(7)
    for nsn in rng.sample(list(significant_numbers(3, ("0", "4827365190"))), 3000):
        for prefix in ("0", "+46", "0046"):
            parsed = phonenumbers.parse(prefix + nsn, "SE")
            read = read_number(prefix + nsn)
            if phonenumbers.is_possible_number(parsed) and not parsed.italian_leading_zero:
                assert isinstance(read, Number)
                assert read.e164 == phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
                assert read.is_valid == phonenumbers.is_valid_number(parsed)
            else:
                assert isinstance(read, NumberFault)


def test_kind_validity_and_country_of_a_number_are_the_librarys() -> None:
    rng = random.Random(46)
    for nsn in rng.sample(list(significant_numbers(3)), 4000):
        number = Number(int(f"46{nsn}"))
        by_library = kind_by_library(number.value)
        assert number.is_valid == (by_library is not NumberKind.UNKNOWN)
        if number.is_valid:
            assert number.kind is by_library
            assert number.country == country_by_library(number.value) == "SE"
        else:
            assert number.kind in (NumberKind.UNKNOWN, NumberKind.M2M, NumberKind.SHORT, NumberKind.EMERGENCY)


def test_a_plan_with_rules_that_the_compiled_form_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = PhoneMetadata.metadata_for_region("SE")
    assert plan is not None
    monkeypatch.setattr(plan, "_mutable", True)
    monkeypatch.setattr(plan, "national_prefix_transform_rule", "9$1")

    with pytest.raises(RuntimeError, match="rules not known here"):
        number_plan._swedish_metadata()
