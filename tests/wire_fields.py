"""Prints the fields of all typed structures of the wire, for the search for dead code: JSON is made of them by name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import lernbatch
from lernbatch.web.schema import Fields


def structures(base: type[Fields] = Fields) -> Iterator[type[Fields]]:
    """All structures below `base`."""
    for structure in base.__subclasses__():
        yield structure
        yield from structures(structure)


if __name__ == "__main__":
    for module in pkgutil.walk_packages(lernbatch.__path__, "lernbatch."):
        if module.name != "lernbatch.__main__":
            importlib.import_module(module.name)
    print("\n".join(sorted({f"_.{name}" for structure in structures() for name in structure.__struct_fields__})))
