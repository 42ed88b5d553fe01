"""What the server is started with, so that its memory stays bounded."""

import os
from pathlib import Path

import pytest

from cli.serve import become_gunicorn
from core.config import load_settings


@pytest.mark.parametrize(("said", "started_with"), [(None, "2"), ("8", "8")])
def test_the_threads_share_few_pools_of_memory_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str | None, started_with: str
) -> None:
    environment = {} if said is None else {"MALLOC_ARENA_MAX": said}
    monkeypatch.setattr(os, "environ", environment)
    started: list[str | None] = []
    monkeypatch.setattr(os, "execv", lambda *_: started.append(os.environ.get("MALLOC_ARENA_MAX")))

    become_gunicorn(load_settings({"RINGKLAR_DATA_DIR": str(tmp_path)}))

    assert started == [started_with]
