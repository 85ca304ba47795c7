"""Reads what the package needs from requirements.in, and the versions it was tested with from requirements.lock."""

import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

# What a checkout has for its tests alone: its wheels are not for every Python that we run on.
OTHER_EXTRAS = {"cassandra": ["cassandra-driver>=3.30"]}
BUILD = "build"  # of hatchling, which an installed package does without


class RequirementsHook(MetadataHookInterface):
    def update(self, metadata: dict) -> None:  # type: ignore[type-arg]
        lock = Path(self.root, "requirements.lock").read_text("utf-8")
        # Of several versions, each for its Python, the lowest comes first, and is kept.
        locked = dict(reversed(re.findall(r"^([\w.-]+)==([\w.]+)", lock, re.M)))
        extras: dict[str, list[str]] = {"": []}
        for line in Path(self.root, "requirements.in").read_text("utf-8").splitlines():
            if parts := re.match(r"([\w.-]+)\s+#\s(?:\[(\w+)\])?", line):
                name, extra = parts[1], parts[2] or ""
                extras.setdefault(extra, []).append(f"{name}>={locked[name]}")
        extras.pop(BUILD)
        metadata["dependencies"] = extras.pop("")
        metadata["optional-dependencies"] = extras | OTHER_EXTRAS
