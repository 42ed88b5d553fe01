"""``python -m cli``: the command ``ringklar`` without its script."""

from cli.main import main

main(prog_name="ringklar")
