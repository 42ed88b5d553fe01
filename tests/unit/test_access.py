"""Who may do what: a closed table, in which only some may touch the do-not-call list."""

import pytest

from core.access import RIGHTS, Caller, Right, Role, operator, secret_hash
from core.errors import Forbidden


def caller(role: Role) -> Caller:
    return Caller("id", "name", "key", role, None)


def test_every_right_is_given_to_somebody_and_no_right_is_forgotten() -> None:
    assert set(RIGHTS) == set(Right)
    assert all(RIGHTS.values())


def test_dialers_and_sales_neither_add_to_nor_take_from_the_do_not_call_list() -> None:
    for role in (Role.DIALER, Role.SALES, Role.LEAD_MANAGER, Role.ADMIN):
        for right in (Right.ADD_OPT_OUT, Right.RELEASE_OPT_OUT, Right.CLOSE_HOLD):
            assert not caller(role).may(right)
            with pytest.raises(Forbidden):
                caller(role).require(right)


def test_the_operator_at_the_machine_has_every_right() -> None:
    for right in Right:
        operator("tests").require(right)


def test_a_caller_is_named_in_the_ledger_by_kind_and_id() -> None:
    assert caller(Role.SALES).actor == "key:id"


def test_any_text_given_as_a_key_can_be_hashed() -> None:
    assert len({secret_hash(text) for text in ("", "rk_x", "å", "\ud800", "\x00")}) == 5
