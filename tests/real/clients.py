"""What makes clients of our description: programs of Node and a generator in Python, each in a folder below build."""

from __future__ import annotations

import shutil
import subprocess
import venv
from functools import cache
from pathlib import Path

BUILD = Path(__file__).parents[2] / "build"
NODE = Path(__file__).parent / "node"
GENERATOR = "openapi-python-client==0.29.1"


@cache
def node_programs() -> Path | None:
    """The folder that holds node_modules, of node/package.json; None: Node is missing, or they cannot be had."""
    if not shutil.which("node") or not shutil.which("npm"):
        return None
    folder = BUILD / "node"
    wanted = (NODE / "package.json").read_text(encoding="utf-8")
    if not (folder / "complete").exists() or (folder / "complete").read_text(encoding="utf-8") != wanted:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(NODE / "package.json", folder)
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
        if subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode:
            return None
        (folder / "complete").write_text(wanted, encoding="utf-8")
    return folder


@cache
def python_generator() -> Path | None:
    """The folder of programs of a virtual environment with the generator; None: it cannot be had."""
    folder = BUILD / "python-client"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        if subprocess.run(
            [folder / "bin" / "pip", "install", "-q", GENERATOR], check=False, capture_output=True
        ).returncode:
            return None
        (folder / "complete").touch()
    return folder / "bin"
