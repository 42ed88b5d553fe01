"""``ringklar key`` and ``ringklar user``: who may do what."""

import sys
from collections.abc import Sequence
from dataclasses import asdict

import click

from cli.context import answer, caller, json_option, refusals, service
from cli.pages import after_name_option, limit_option, tell_page
from core.access import Role, create_key, create_user, disable_user, revoke_key
from core.access_lists import AccessReport, key_reports, user_reports
from core.clock import local_day
from core.pages import cut
from core.sellers import seller_named

ROLES = click.Choice([role.value for role in Role])
STAFF = click.Choice([role.value for role in Role if role is not Role.DIALER])


@click.group()
def key() -> None:
    """API keys, for machines."""


@key.command("create")
@click.argument("name")
@click.option("--role", type=ROLES, required=True, help="What the key may do.")
@click.option("--seller", help="The one seller it acts for (slug); a dialer's key needs it.")
@json_option
@refusals
def create(name: str, role: str, seller: str | None, as_json: bool) -> None:
    """Make a key called NAME and print it, the only time it can be read."""
    with service() as built, built.store.writing() as session:
        seller_id = seller_named(session, seller).id if seller is not None else None
        secret = create_key(session, caller(), name=name, role=Role(role), seller_id=seller_id, now=built.clock.now())
    answer(as_json, {"name": name, "role": role, "seller": seller, "key": secret}, secret)


@key.command("revoke")
@click.argument("name")
@json_option
@refusals
def revoke(name: str, as_json: bool) -> None:
    """Make the key called NAME worthless, at once."""
    with service() as built, built.store.writing() as session:
        revoke_key(session, caller(), name=name, now=built.clock.now())
    answer(as_json, {"name": name, "revoked": True}, f"{name} opens nothing any more")


@key.command("list")
@after_name_option
@limit_option
@json_option
@refusals
def list_keys(after: str | None, limit: int, as_json: bool) -> None:
    """List the keys by name, the revoked ones too. It says what each may do and for whom; no key can be read again."""
    with service() as built, built.store.reading() as session:
        found = key_reports(session, after=after or "", limit=limit + 1)
    _tell(as_json, "key", "revoked", found, limit)


@click.group()
def user() -> None:
    """Users, for people who sign in to the pages."""


@user.command("add")
@click.argument("name")
@click.option("--role", type=STAFF, required=True, help="What the user may do.")
@click.option("--seller", help="The one seller the user acts for (slug); every seller if left out.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
@json_option
@refusals
def add(name: str, role: str, seller: str | None, password_stdin: bool, as_json: bool) -> None:
    """Make a user called NAME. The password is asked for: it has at least 12 characters."""
    if password_stdin:
        password = sys.stdin.buffer.readline().rstrip(b"\n").decode("utf-8", "surrogateescape")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    with service() as built, built.store.writing() as session:
        seller_id = seller_named(session, seller).id if seller is not None else None
        create_user(
            session,
            caller(),
            name=name,
            role=Role(role),
            password=password,
            seller_id=seller_id,
            now=built.clock.now(),
        )
    answer(as_json, {"name": name, "role": role, "seller": seller}, f"{name} can sign in as {role}")


@user.command("disable")
@click.argument("name")
@json_option
@refusals
def disable(name: str, as_json: bool) -> None:
    """Shut the user called NAME out, at once and wherever signed in."""
    with service() as built, built.store.writing() as session:
        disable_user(session, caller(), name=name, now=built.clock.now())
    answer(as_json, {"name": name, "disabled": True}, f"{name} can no longer sign in")


@user.command("list")
@after_name_option
@limit_option
@json_option
@refusals
def list_users(after: str | None, limit: int, as_json: bool) -> None:
    """List the users by name, the disabled ones too. It says what each may do and for whom."""
    with service() as built, built.store.reading() as session:
        found = user_reports(session, after=after or "", limit=limit + 1)
    _tell(as_json, "user", "disabled", found, limit)


def _tell(as_json: bool, what: str, ended: str, found: Sequence[AccessReport], limit: int) -> None:
    """Print a page of keys or of users; ``ended`` says what they are that open nothing any more."""
    page, next_after = cut(found, limit, lambda one: one.name)
    documents, lines = [], []
    for one in page:
        document = asdict(one)
        document[f"{ended}_at"] = document.pop("ended_at")
        documents.append(document)
        state = "" if one.ended_at is None else f"  {ended} {local_day(one.ended_at)}"
        lines.append(
            f"{one.name}  {one.role}  {one.seller or 'every seller'}  since {local_day(one.created_at)}{state}"
        )
    tell_page(as_json, f"{what}s", documents, lines, next_after, none=f"there is no {what}")
