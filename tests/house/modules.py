"""The package's modules, for tests of the house itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import lernbatch

ROOT = Path(lernbatch.__file__).parent


def modules() -> Iterator[tuple[ModuleType, str]]:
    """Every module of the package with its source, but for the one that runs when it is imported."""
    for found in pkgutil.walk_packages(lernbatch.__path__, "lernbatch."):
        if found.name != "lernbatch.__main__":
            module = importlib.import_module(found.name)
            assert module.__file__ is not None
            yield module, Path(module.__file__).read_text(encoding="utf-8")


def rooms_with_statements() -> list[str]:
    """The packages that have a queries.sql."""
    folders = (path.parent.relative_to(ROOT.parent) for path in sorted(ROOT.rglob("queries.sql")))
    return [".".join(folder.parts) for folder in folders]
