"""`python -m bench [NAME] [options]`: run one measurement, by default that of the hot path."""

from __future__ import annotations

import importlib
import sys


def main() -> None:
    name = sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else "hot_path"
    importlib.import_module(f"bench.{name}").main()


main()
