"""A script: `[--detach] UID GID FOLDER… -- COMMAND…` runs the command as that user, able to pass the folders.

It is a process of its own because giving up root between fork and exec is not safe in a process with threads.
With `--detach` the command leaves our session and is no child of ours: no Ctrl-C of a terminal reaches it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 8, 47, 2
PR_GET_SECUREBITS, PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP = 27, 28, 4
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SETPCAP = 1, 2, 8
CAPABILITY_VERSION_3 = 0x20080522

Header = ctypes.c_uint32 * 2  # version, process (0 is ourselves)
Sets = ctypes.c_uint32 * 6  # effective, permitted, inheritable; then their upper halves, which we never need
libc = ctypes.CDLL(None, use_errno=True)


def become(uid: int, gid: int, folders: list[Path], program: Path) -> None:
    """Give up root; keep the one right to pass closed folders, and only if there are any on the way."""
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    try:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    except OSError as error:
        refuse(f"root may not become the user {uid} here ({error.strerror}): start it as an ordinary user.")
    closed = closed_to_us(folders, program)
    # Reading everywhere is the lesser right; containers often have only the greater one.
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        if closed and keep(capability):
            closed = closed_to_us(folders, program)
    if closed == program:
        refuse(
            f"{program} may not be run by the user {uid}, under whom root runs PostgreSQL: put the virtual environment "
            "into a folder that others may pass (make VENV=/opt/lernbatch), name other programs with LERNBATCH_PG_BIN, "
            "or start it as an ordinary user."
        )
    if closed:
        refuse(
            f"The user {uid}, under whom root runs PostgreSQL, may not enter {closed}: "
            f"choose a folder that is not below {closed}, let others pass it (chmod o+x), "
            "or start it as an ordinary user."
        )


def closed_to_us(folders: list[Path], program: Path) -> Path | None:
    """The first folder we may not enter, or the program if we may not run it: the kernel's word, which heeds ACLs.

    access(2) is the question that initdb and postgres ask about their own programs, so it is asked here, too.
    """
    for folder in folders:
        for step in (*reversed(folder.parents), folder):
            try:
                os.stat(f"{step}/.")
            except PermissionError:
                return step
    return None if os.access(program, os.R_OK | os.X_OK) else program


def keep(capability: int) -> bool:
    """Let the capability outlive exec, alone; False if we do not have it to give."""
    header, sets = Header(CAPABILITY_VERSION_3, 0), Sets()
    libc.capget(header, sets)
    bit = 1 << capability
    if not sets[1] & bit:
        return False
    # access(2) forgets what is kept, unless this bit says that capabilities do not depend on who one is.
    setpcap = Sets(1 << CAP_SETPCAP, sets[1], 0, 0, sets[4], 0)
    if sets[1] & 1 << CAP_SETPCAP and not libc.capset(header, setpcap):
        libc.prctl(PR_SET_SECUREBITS, libc.prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) | SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    reduced = Sets(bit, sets[1], bit, 0, sets[4], 0)
    if libc.capset(header, reduced):
        return False
    return bool(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0)


def refuse(sentence: str) -> None:
    """The supervisor finds this line in our output and shows the sentence as it stands."""
    sys.exit(f"lernbatch: {sentence}")


def main(arguments: list[str]) -> None:
    detach = arguments[0] == "--detach"
    split = arguments.index("--")
    (uid, gid, *folders), command = arguments[detach:split], arguments[split + 1 :]
    if os.geteuid() == 0:
        become(int(uid), int(gid), [Path(folder) for folder in folders], Path(command[0]))
    os.umask(0o077)
    if detach:
        if os.fork():
            os._exit(0)
        os.setsid()
    try:
        os.execv(command[0], command)  # noqa: S606 - no shell, an absolute path
    except OSError as error:
        refuse(f"{command[0]} cannot be run ({error.strerror}): install PostgreSQL again.")


if __name__ == "__main__":
    main(sys.argv[1:])
