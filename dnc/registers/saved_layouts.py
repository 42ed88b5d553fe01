"""The layout by which each register's files are read: the one that comes with the service, or the one that was set."""

import re
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.database import lock_key
from core.errors import Forbidden
from core.ledger import Event, put_on_record
from dnc.models import Register
from dnc.registers.errors import RegisterCountryTaken, RegisterLayoutInvalid, UnknownRegister
from dnc.registers.layouts import Key, Layout, country_in, layout_document, layout_from, layout_text
from dnc.registers.standing import (
    REGISTER_LOCK,
    country_of,
    default_layout,
    ensure_registers,
    known_registers,
    layout_stored,
)

_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")


def layout_of(session: Session, name: str) -> Layout:
    """Return the layout by which the register's files are read.

    Raises:
        UnknownRegister: there is no register of that name.
    """
    register = session.get(Register, name)
    stored = None if register is None else layout_stored(register)
    return stored or default_layout(country_of(session, name))


def layout_given(layout: Layout, text: str | None) -> Layout:
    """Return the layout with what ``text`` (a JSON object) says otherwise, for one file.

    Raises:
        RegisterLayoutInvalid: it is no such object, of another country, or reads an answer to some numbers as a whole
            register: whoever is outside a wash would be not listed.
    """
    if text is None:
        return layout
    given = layout_from(text, base=layout)
    if given.country != layout.country:
        raise RegisterLayoutInvalid(f"the register is of {layout.country}")
    if Key.WASH in (layout.key, default_layout(layout.country).key) and given.key is not Key.WASH:
        raise RegisterLayoutInvalid("key: the register is known by washes alone, which say nothing of other numbers")
    return given


def set_layout(session: Session, caller: Caller, *, name: str, text: str, now: datetime) -> Layout:
    """Return the layout that the register's files are read by from now on, after putting it on record.

    ``text`` is a JSON object; what it leaves out is as in the layout that comes with the service. A name that is not
    known makes a register, for the country that the object names. What was loaded stays as it was read.

    Raises:
        Forbidden: the caller may not load registers, or acts for one seller only.
        RegisterLayoutInvalid: as for ``layout_given``.
        RegisterCountryTaken: another register answers for the country.
        UnknownRegister: the name is not known, and could not be one.
    """
    caller.require(Right.LOAD_REGISTERS)
    if caller.seller_id is not None:
        raise Forbidden("a register speaks for every seller: who acts for one may not change how it is read")
    lock_key(session, REGISTER_LOCK)
    ensure_registers(session, [name])
    country = session.scalar(select(Register.country).where(Register.name == name))
    if country is None:
        country = _country_of_new(session, name, text)
    layout = layout_given(default_layout(country), text)
    if session.get(Register, name) is None:
        session.add(Register(name=name, country=country, version_id=None, layout=None))
        session.flush()
    session.execute(update(Register).where(Register.name == name).values(layout=layout_text(layout)))
    payload = {"register": name, "country": country, "layout": layout_document(layout), "set_at": now.isoformat()}
    put_on_record(session, Event("register.layout_set", name, caller.actor, None, payload))
    return layout


def _country_of_new(session: Session, name: str, text: str) -> str:
    """Return the country that a new register would be for."""
    if not _NAME.fullmatch(name):
        raise UnknownRegister("a register's name is at most 20 small letters, digits and hyphens")
    country = country_in(text)
    if country is None:
        raise UnknownRegister("name its country in the layout to make it, or see the list of registers")
    taken = session.scalar(select(Register.name).where(Register.country == country)) or next(
        (known for known, of in known_registers().items() if of == country), None
    )
    if taken is not None:
        raise RegisterCountryTaken(f"{country} has the register {taken}")
    return country
