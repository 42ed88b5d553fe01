"""What the API's tests share: the seeded service behind Flask's test client, asked by keys of any role and seller."""

import io
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import TextClause, text
from werkzeug.test import TestResponse

from app import all_apis, create_app
from core.access import Role, create_key
from core.clock import FixedClock
from core.database import Base
from service import Service, build_service
from tests.seeding import OPERATOR, TUESDAY_AT_TEN, Seeded, seed, settings_for_tests
from web.endpoint import Operation
from web.observe import JsonLines

Json = Any  # whatever JSON holds: the tests look into answers by key
PROBLEM_MEMBERS = {"type", "title", "status", "detail", "code", "request_id"}
NOBODYS_ID = "00000000-0000-7000-8000-000000000000"


class Ringklar:
    """The web application over a seeded database, and keys to ask it with."""

    def __init__(self, seeded: Seeded) -> None:
        self.seeded = seeded
        self.service: Service = seeded.service
        self.app = create_app(seeded.service)
        self.client = self.app.test_client()
        self._names = 0

    @property
    def operations(self) -> list[Operation]:
        """Every endpoint of the JSON API, as declared."""
        return [operation for api in all_apis(self.service) for operation in api.operations]

    def new_key(self, role: Role, seller_id: str | None) -> str:
        """Return a fresh key for the role and seller (for every seller, if None)."""
        self._names += 1
        with self.service.store.writing() as session:
            return create_key(
                session,
                OPERATOR,
                name=f"fresh key {self._names}",
                role=role,
                seller_id=seller_id,
                now=self.service.clock.now(),
            )

    def ask(
        self,
        method: str,
        path: str,
        *,
        role: Role = Role.DIALER,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        **how: Any,  # Any: what Flask's test client takes
    ) -> TestResponse:
        """Send one request with the key of ``role``, or with ``key``."""
        credentials = {"Authorization": f"Bearer {key or self.seeded.keys[role]}"}
        return self.client.open(path, method=method, headers={**credentials, **(headers or {})}, **how)

    def get(self, path: str, role: Role = Role.DIALER, key: str | None = None) -> TestResponse:
        """Read ``path``."""
        return self.ask("GET", path, role=role, key=key)

    def post(
        self,
        path: str,
        body: Json,
        role: Role = Role.DIALER,
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> TestResponse:
        """Send ``body`` as JSON to ``path``."""
        return self.ask("POST", path, role=role, key=key, headers=headers, json=body)

    def check(self, number: str, campaign: str = "vinterel", key: str | None = None) -> Json:
        """Return the check of a number."""
        return answered(self.post("/v1/checks", {"number": number, "campaign": campaign}, key=key), 201)

    def opt_out(self, number: str, seller: str = "norrsken") -> Json:
        """Return the result of opting one number out, as customer service does it."""
        body = {"numbers": [number], "seller": seller, "via": "phone"}
        [result] = answered(self.post("/v1/opt-outs", body, role=Role.CUSTOMER_SERVICE), 200)["results"]
        return result

    def release(self, opt_out_id: str) -> Json:
        """Return the release of an opt-out, asked for by the person right now."""
        body = {"asked_by_person_at": self.service.clock.now().isoformat(), "verified_by": "callback to the number"}
        path = f"/v1/opt-outs/{opt_out_id}/release"
        return answered(self.post(path, body, role=Role.CUSTOMER_SERVICE), 200)

    def row_counts(self) -> dict[str, int]:
        """Return how many rows each table holds."""
        with self.service.store.reading() as session:
            return {name: int(rows) for name, rows in session.execute(_row_counts())}


@cache
def _row_counts() -> TextClause:
    """Return the question of ``row_counts``, as text: to put it together takes longer than to answer it."""
    return text(
        " UNION ALL ".join(
            f"SELECT '{table.name}', count(*) FROM {table.name}" for table in Base.metadata.sorted_tables
        )
    )


class SeededTemplate:
    """One seeded database with its data folder, to be copied: seeding hashes passwords, which is slow by design."""

    def __init__(
        self, database_url: str, folder: Path, copy_database: Callable[[Path], AbstractContextManager[str]]
    ) -> None:
        self._folder = folder
        self._copy_database = copy_database
        self._seeded = seed(database_url, folder)
        self._seeded.service.close()

    @contextmanager
    def running(self, folder: Path) -> Iterator[Ringklar]:
        """Give the application over a fresh copy, and its connections back afterwards."""
        shutil.copytree(self._folder / "registers", folder / "registers")
        with self._copy_database(folder) as url:
            clock = FixedClock(TUESDAY_AT_TEN)
            service = build_service(settings_for_tests(url, folder), clock)
            service.require_schema()
            try:
                yield Ringklar(replace(self._seeded, service=service, clock=clock))
            finally:
                service.close()


@contextmanager
def captured_log() -> Iterator[io.StringIO]:
    """Give what the process logs meanwhile, as it would be written to standard output."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield written
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def answered(response: TestResponse, status: int) -> Json:
    """Return the JSON of an answer that has the status and is no problem."""
    assert response.status_code == status, response.text
    assert response.mimetype == "application/json"
    return response.json


def refused(response: TestResponse, status: int, code: str | None = None) -> Json:
    """Return the problem document of a refusal with the status and, if given, the code."""
    assert response.status_code == status, response.text
    assert response.mimetype == "application/problem+json"
    document = json.loads(response.text)
    assert document.keys() >= PROBLEM_MEMBERS
    assert document["status"] == status
    assert document["type"] == f"urn:ringklar:problem:{document['code']}"
    assert document["title"]
    assert document["detail"]
    assert document["request_id"] == response.headers["X-Request-Id"]
    assert code in (None, document["code"])
    for mistake in document.get("errors", ()):
        assert mistake.keys() == {"at", "code", "message"}
        assert all(isinstance(part, str) for part in mistake["at"])
        assert mistake["message"]
    return document
