"""The command ``ringklar`` in tests, with the settings of one installation."""

from base64 import b64encode

from click.testing import CliRunner, Result

from cli.main import main
from core.config import Settings


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the environment that gives a command these settings."""
    return {
        "RINGKLAR_DATABASE_URL": settings.database_url,
        "RINGKLAR_DATA_DIR": str(settings.data_dir),
        "RINGKLAR_SECRET": b64encode(settings.secret).decode(),
    }


def run_command(settings: Settings, *words: str, stdin: str | bytes | None = None, **environment: str | None) -> Result:
    """Return what the command made of the words."""
    return CliRunner().invoke(main, list(words), input=stdin, env={**environment_of(settings), **environment})
