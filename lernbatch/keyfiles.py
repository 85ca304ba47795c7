"""Files with keys: whether what lies in a folder may be trusted as one."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def trouble(path: Path, *, secret: bool) -> str | None:
    """Why a key file must not be used, as the end of a sentence that begins with its name; None: nothing is wrong.

    `secret`: nobody but its owner and group may read it either. Raises: OSError.
    """
    file, folder = path.stat(), path.parent.stat()
    return why_untrusted(file.st_mode, file.st_uid, {0, os.geteuid(), folder.st_uid}, secret=secret)


def why_untrusted(mode: int, owner: int, trusted_owners: set[int], *, secret: bool) -> str | None:
    """The rule of `trouble`. A volume's group may have any rights: orchestrators give it them when they mount it.

    Whoever owns the folder can replace every file in it, so a file of the same owner is no worse.
    """
    if not stat.S_ISREG(mode):
        return "is no file"
    if owner not in trusted_owners:
        return "belongs to another user than its folder"
    if mode & stat.S_IWOTH:
        return "may be written by everybody (chmod o-w)"
    if secret and mode & stat.S_IRWXO:
        return "may be read by everybody (chmod o-rwx)"
    return None
