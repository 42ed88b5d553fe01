"""Real servers and real load: gunicorn with the settings that are shipped, and wrk."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.serve import ARENAS

ROOT = Path(__file__).parent.parent
SCRIPT = Path(__file__).parent / "post.lua"
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk measured: requests a second, and latency in milliseconds."""

    per_second: float
    p50: float
    p99: float


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def serving(data_dir: Path, database_url: str | None = None) -> Iterator[str]:
    """Give the address of a running service over ``data_dir``, with the no-op route beside the real ones."""
    port = free_port()
    ours = {"RINGKLAR_BIND": f"127.0.0.1:{port}", "MALLOC_ARENA_MAX": ARENAS}  # as ``ringklar serve`` sets it
    environment = environment_for(data_dir, database_url) | ours
    command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "deploy/gunicorn.conf.py"), "bench.noop:app"]
    with (data_dir / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


def compiling() -> dict[str, str]:
    """Return the environment of a process that keeps compiled modules, as a user's does, wherever the bench runs."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def environment_for(data_dir: Path, database_url: str | None) -> dict[str, str]:
    """Return this environment with the settings of a service over ``data_dir``."""
    kept = {name: value for name, value in compiling().items() if not name.startswith("RINGKLAR_")}
    ours = {"RINGKLAR_DATA_DIR": str(data_dir)}
    return kept | ours | ({"RINGKLAR_DATABASE_URL": database_url} if database_url is not None else {})


def _wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health/ready", timeout=2):  # noqa: S310 - our own address
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the server did not start")


def load(url: str, *, key: str, body: object, callers: int, seconds: int) -> Load:
    """Return what ``callers`` connections measured, each asking again as soon as it is answered.

    Of a list, the bodies are asked in turn.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise RuntimeError("wrk is not installed: apt-get install wrk")
    command = [wrk, "-t1", f"-c{callers}", f"-d{seconds}s", "--timeout", "30s", "--latency", "-s", str(SCRIPT), url]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.writelines(f"{json.dumps(one)}\n" for one in (body if isinstance(body, list) else [body]))
        file.flush()
        environment = os.environ | {"BENCH_KEY": key, "BENCH_BODY_FILE": file.name}
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError(f"the load met errors: {told}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told)
    if rate is None:
        raise RuntimeError("wrk gave no rate")
    return Load(float(rate[1]), _latency(told, "50%"), _latency(told, "99%"))


def _latency(told: str, name: str) -> float:
    found = re.search(rf"{name}\s+([\d.]+)(us|ms|s|m)\b", told)
    if found is None:
        raise RuntimeError(f"wrk gave no {name}")
    return float(found[1]) * _UNITS[found[2]]
