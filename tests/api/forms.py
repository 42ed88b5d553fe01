"""Forms of the console sent as a browser sends them, with their tokens."""

import re

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.seeding import PASSWORD


def token_of(client: FlaskClient, path: str = "/sign-in") -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path, follow_redirects=True).text)
    assert found is not None
    return found[1]


def send(client: FlaskClient, path: str, **form: str) -> TestResponse:
    """Send a form as a browser does, with its token."""
    return client.post(path, data={"csrf_token": token_of(client), **form})


def sign_in(client: FlaskClient, name: str, password: str = PASSWORD) -> TestResponse:
    return send(client, "/sign-in", name=name, password=password)


def session_cookie(client: FlaskClient, name: str = "ringklar-session") -> str | None:
    cookie = client.get_cookie(name)
    return None if cookie is None else cookie.value


def is_in(client: FlaskClient) -> bool:
    return client.get("/start").status_code == 200
