"""The modules of the product and of the sandbox, for tests of the project itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import lernbatch
import sandbox

ROOTS = [Path(lernbatch.__file__).parent, Path(sandbox.__file__).parent]


def modules() -> Iterator[tuple[ModuleType, str]]:
    """Every module of both packages with its source, but for the one that runs when it is imported."""
    listed = [
        *pkgutil.walk_packages(lernbatch.__path__, "lernbatch."),
        *pkgutil.walk_packages(sandbox.__path__, "sandbox."),
    ]
    for info in listed:
        if info.name != "lernbatch.__main__":
            module = importlib.import_module(info.name)
            assert module.__file__ is not None
            yield module, Path(module.__file__).read_text(encoding="utf-8")


def rooms_with_statements() -> list[str]:
    """The packages that have a queries.sql."""
    folders = (path.parent.relative_to(root.parent) for root in ROOTS for path in sorted(root.rglob("queries.sql")))
    return [".".join(folder.parts) for folder in folders]
