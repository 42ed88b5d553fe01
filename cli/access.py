"""``ringklar key`` and ``ringklar user``: who may do what."""

import sys

import click

from cli.context import answer, caller, json_option, refusals, service
from core.access import Role, create_key, create_user, disable_user, revoke_key
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


@click.group()
def user() -> None:
    """Users, for people who sign in to the console."""


@user.command("add")
@click.argument("name")
@click.option("--role", type=STAFF, required=True, help="What the user may do.")
@click.option("--seller", help="The one seller the user acts for (slug); every seller if left out.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
@json_option
@refusals
def add(name: str, role: str, seller: str | None, password_stdin: bool, as_json: bool) -> None:
    """Make a user called NAME."""
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
