"""Prints the bill of materials of what is installed to run, as CycloneDX 1.6.

Made here and not by a generator, since it takes two things together, the hashes of the lock and the licences of the
installed metadata, and a generator would bring its own packages into the locks.
Source: CycloneDX 1.6, https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from supply import lock
from supply.lock import Package


def build(file: Path, now: datetime) -> dict[str, Any]:
    """The bill of the packages of a lock. The same lock and time give the same bill."""
    product = metadata.metadata("lernbatch")
    components = [_component(package) for package in lock.read(file)]
    version = product["Version"]
    text = file.read_text(encoding="utf-8")
    root = f"pkg:pypi/lernbatch@{version}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, root + text)}",
        "version": 1,
        "metadata": {
            "timestamp": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": "lernbatch",
                "version": version,
                "purl": root,
            },
        },
        "components": components,
        "dependencies": [{"ref": root, "dependsOn": [component["bom-ref"] for component in components]}],
    }


def _component(package: Package) -> dict[str, Any]:
    purl = f"pkg:pypi/{package.name}@{package.version}"
    component = {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
        # One reference for each file that may be installed: a component's own hashes are those of one file.
        "externalReferences": [
            {
                "type": "distribution",
                "url": f"https://pypi.org/project/{package.name}/{package.version}/#files",
                "comment": "one of the files that the lock admits",
                "hashes": [{"alg": "SHA-256", "content": digest}],
            }
            for digest in package.hashes
        ],
    }
    licences = _licences(package)
    return {**component, **({"licenses": licences} if licences else {})}


def _licences(package: Package) -> list[dict[str, Any]]:
    """What the installed package declares: an SPDX expression, else the names in its classifiers."""
    try:
        declared = metadata.metadata(package.name)
    except metadata.PackageNotFoundError:
        return []
    if expression := declared.get("License-Expression"):
        return [{"expression": expression}]
    classifiers = (line for line in declared.get_all("Classifier") or () if line.startswith("License :: "))
    return [{"license": {"name": line.rpartition(" :: ")[2]}} for line in classifiers]


if __name__ == "__main__":
    print(json.dumps(build(Path(sys.argv[1]), datetime.now(UTC)), indent=2))
