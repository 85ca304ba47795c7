"""Commands about certificates: why, again, away, all of a batch, and whether a file is genuine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from lernbatch import command
from lernbatch.certificate import actions, bundle, explain, rules, wire
from lernbatch.certificate.model import CertificateStatus
from lernbatch.certificate.wire import StatusChange
from lernbatch.credential import baking, keys, proof, status_list, strict_json
from lernbatch.credential.keys import IssuerKey
from lernbatch.credential.strict_json import Unverifiable
from lernbatch.errors import Unusable
from lernbatch.template.model import CriteriaResult
from lernbatch.template.wire_criteria import read_result
from lernbatch.web.caller import Caller

app = App(name="certificate", help="Certificates: explain, retry, revoke, download those of a batch, make new keys.")
OPERATOR = Caller(user_id="operator", authentication_enabled=False)


@app.command(name="explain")
def explain_(batch_id: str, user_id: str | None = None, /) -> None:
    """Say why a learner has or has not a certificate, or how a whole batch stands.

    Example: `lernbatch certificate explain 0147095690579066880`

    Args:
        batch_id: the batch
        user_id: one learner of it; none: all, counted
    """

    async def work() -> None:
        async with command.services() as held:
            if user_id is None:
                summary = await explain.batch(held, batch_id)
                _say(*(explain.in_one_line(tally) for tally in summary.tallies))
                _say(f"{summary.learners} learners, {len(summary.tallies)} templates.")
                return
            explained = await explain.learner(held, batch_id, user_id)
            for template, result in explained.results:
                _say(f"{template.name}: {result.outcome.value}, {result.because}", *_tree(result.parts))
            for certificate in explained.certificates:
                at = f"{certificate.issued_at:%Y-%m-%d %H:%M:%S} UTC"
                _say(f"{certificate.name} {certificate.certificate_id}: {certificate.status}, issued {at} because")
                _say(*_tree(read_result(certificate.decision).parts))
            if explained.waiting:
                waiting = explained.waiting
                parked = "parked" if waiting.parked else f"next at {waiting.due_at:%Y-%m-%d %H:%M:%S} UTC"
                _say(f"to be evaluated ({waiting.reason}), {parked}: {waiting.error or 'nothing went wrong so far'}")
            if explained.undrawable:
                _say(f"no font draws {explained.undrawable!r}: see LERNBATCH_CERTIFICATE_FONT_FOLDER")

    asyncio.run(work())


def _tree(parts: Sequence[CriteriaResult], depth: int = 1) -> list[str]:
    lines = []
    for part in parts:
        evidence = ", ".join(f"{key} {value}" for key, value in part.evidence.items())
        lines += [f"{'  ' * depth}{part.rule}: {part.outcome.value}, {part.because} ({evidence})"]
        lines += _tree(part.parts, depth + 1)
    return lines


@app.command
def retry(batch_id: str, user_id: str | None = None, /) -> None:
    """Evaluate again the learners of a batch whose certificates failed and were parked.

    Example: `lernbatch certificate retry 0147095690579066880`

    Args:
        batch_id: the batch
        user_id: one learner of it; none: all
    """

    async def work() -> int:
        async with command.services() as held:
            return await actions.retry(held, batch_id, user_id)

    _say(f"{asyncio.run(work())} will be evaluated again.")


@app.command
def revoke(certificate_id: str, /, *, reason: str, code: str | None = None) -> None:
    """Take a certificate away for good; its page and the status list say so at once.

    Example: `lernbatch certificate revoke 351cf1ef-5c07-5b7f-a881-0e71c2e92bf1 --reason "wrong course"`

    Args:
        certificate_id: its number
        reason: for those who manage the batch
        code: said on its page: issued-in-error, wrong-details, misconduct, under-review, holder-asked
    """
    _change(certificate_id, CertificateStatus.REVOKED, reason, code)


@app.command
def suspend(certificate_id: str, /, *, reason: str, code: str | None = None) -> None:
    """Take a certificate away for the time being.

    Example: `lernbatch certificate suspend 351cf1ef-5c07-5b7f-a881-0e71c2e92bf1 --reason "under review"`

    Args:
        certificate_id: its number
        reason: for those who manage the batch
        code: said on its page: issued-in-error, wrong-details, misconduct, under-review, holder-asked
    """
    _change(certificate_id, CertificateStatus.SUSPENDED, reason, code)


@app.command
def reinstate(certificate_id: str, /, *, reason: str, code: str | None = None) -> None:
    """Give a suspended certificate back.

    Example: `lernbatch certificate reinstate 351cf1ef-5c07-5b7f-a881-0e71c2e92bf1 --reason "review passed"`

    Args:
        certificate_id: its number
        reason: for those who manage the batch
        code: said with it: review-passed, for instance
    """
    _change(certificate_id, CertificateStatus.ACTIVE, reason, code)


def _change(certificate_id: str, status: CertificateStatus, reason: str, code: str | None) -> None:
    try:
        change = StatusChange(certificate_id, status, reason, wire.read_code(code, status))
    except wire.InvalidParameter as unknown:
        raise Unusable(f"{unknown} One of: {', '.join(wire.CODES_BY_HAND)}.") from unknown

    async def work() -> None:
        async with command.services() as held:
            await actions.change_status(held, OPERATOR, change)

    asyncio.run(work())
    command.note("certificate.change", about=certificate_id)
    _say(f"{certificate_id} is {status.value}.")


@app.command(name="zip")
def zip_(
    batch_id: str,
    file: Path,
    /,
    *,
    since: Annotated[str, Parameter(name="--from")] = "1970-01-01",
    until: Annotated[str, Parameter(name="--to")] = "9999-12-30",
    form: str = "pdf",
) -> None:
    """Write all valid certificates of a batch into one zip.

    Example: `lernbatch certificate zip 0147095690579066880 june.zip --from 2026-06-01 --to 2026-06-30`

    Args:
        batch_id: the batch
        file: where to
        since: issued on this day or later
        until: issued on this day or earlier
        form: pdf, png, svg or json
    """

    async def work() -> int:
        async with command.services() as held:
            span = wire.read_span({"from": since, "to": until, "form": form}, held.clock.zone)
            written = 0
            with file.open("wb") as out:
                async for part in bundle.stream(held, batch_id, *span):
                    written += out.write(part)
            return written

    command.note("certificate.zip", about=batch_id)
    _say(f"{asyncio.run(work())} bytes written to {file}.")


@app.command(name="rotate-key")
def rotate_key() -> None:
    """Make a new key that signs from now on; what older keys signed goes on verifying.

    Example: `lernbatch certificate rotate-key`
    """
    folder = keys.folder_of(command.settings())
    signing = keys.add_key(folder)
    command.note("certificate.rotate-key", about=signing.name)
    _say(f"{signing.name} signs from now on ({len(keys.read_good_keys(folder))} keys in {folder}).")


@app.command(name="distrust-key")
def distrust_key(name: str, /) -> None:
    """Declare a key bad that came into wrong hands: what it signed is not valid until `re-sign` has signed it anew.

    Example: `lernbatch certificate distrust-key z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ1LeG3qbMN4HX`

    Args:
        name: the key, as did.json and credentials name it after the #
    """
    folder = keys.folder_of(command.settings())
    signing = keys.declare_bad(folder, name.rpartition("#")[2], datetime.now(UTC))
    command.note("certificate.distrust-key", about=name)
    _say(f"{name} is bad. {signing.name} signs from now on.", "Now run: lernbatch certificate re-sign")


@app.command(name="re-sign")
def re_sign() -> None:
    """Sign again whatever bad keys have signed here; files that people have saved stay invalid.

    Example: `lernbatch certificate re-sign`
    """

    async def work() -> actions.ReSigning:
        async with command.services() as held:
            return await actions.re_sign(held)

    done = asyncio.run(work())
    command.note("certificate.re-sign")
    _say(f"{done.count} certificates are signed anew.")
    if done.broken:
        numbers = ", ".join(done.broken[:20])
        raise Unusable(f"{len(done.broken)} are not, since their records were changed after signing: {numbers}.")


def verify(
    file: Path,
    /,
    *,
    keys_file: Annotated[Path | None, Parameter(name="--keys")] = None,
    status_lists: Annotated[list[Path] | None, Parameter(name="--status")] = None,
) -> None:
    """Check a certificate (.pdf, .png or .svg with its credential in it, or .json or .jwt) without server or network.

    Example: `lernbatch verify certificate.pdf --keys did.json`

    Args:
        file: the certificate, or its credential alone
        keys_file: the issuer's did.json or jwks.json; none: the keys of this installation
        status_lists: saved status lists, to see whether it was revoked or suspended
    """
    try:
        trusted = _keys(keys_file) if keys_file else keys.read_good_keys(keys.folder_of(command.settings()))
        with file.open("rb") as opened:
            data = opened.read(baking.MAX_BYTES + 1)  # one byte more than is taken, of a file that is too large
        signed, is_picture = baking.credential_in(data)
        verified = proof.verify(signed, trusted)
        validity = _validity(verified.credential, status_lists or [], trusted)
    except OSError as unreadable:
        raise Unusable(f"{unreadable.filename} cannot be read: {unreadable.strerror}.") from unreadable
    except Unverifiable as why:
        raise Unusable(f"{file} does NOT verify. {why}") from why
    said = verified.credential
    issuer = said.get("issuer")
    issuer_name = issuer.get("name") if isinstance(issuer, dict) else issuer
    recipient = ", ".join(
        str(identity.get("identityHash"))
        for subject in _objects(said.get("credentialSubject"))
        for identity in _objects(subject.get("identifier"))
        if identity.get("identityType") == "name"
    )
    _say(f"{said.get('name')}, for {recipient}, by {issuer_name}, earned {said.get('validFrom')}")
    if len(verified.proofs) > 1:
        for signature in verified.proofs:
            why_not = signature.why_not
            _say(f"{signature.name} counts." if why_not is None else f"{signature.name} does not count. {why_not}")
    if not verified.trusted:
        raise Unusable(
            f"{file} was not changed since the key {verified.key.name} signed it, but that key is none of those "
            "you trust: give the issuer's did.json with --keys."
        )
    if validity != "valid":
        raise Unusable(f"{file} is genuine, and {validity}.")
    _say("Valid: the signature is the issuer's and nothing was changed.")
    if is_picture:
        _say("What is signed is said above; what the picture shows is not, so compare the two.")


def _keys(file: Path) -> list[IssuerKey]:
    """The keys of a did.json or jwks.json."""
    document = strict_json.read_json(file.read_bytes())
    try:
        methods = [str(method["publicKeyMultibase"]) for method in document.get("verificationMethod", [])]
        return [keys.key_of_name(name) for name in methods] + [keys.key_of_jwk(jwk) for jwk in document.get("keys", [])]
    except (KeyError, TypeError, ValueError) as wrong:
        raise Unusable(f"{file} holds no keys that can be read.") from wrong


def _validity(said: Any, lists: Sequence[Path], trusted: Sequence[IssuerKey]) -> str:
    expires = said.get("validUntil")
    try:
        until = datetime.fromisoformat(expires).astimezone(UTC) if expires else None
    except (TypeError, ValueError) as wrong:
        raise Unverifiable(f"Its validUntil {str(expires)[:60]!r} is no time.") from wrong
    validity = rules.validity("active", until, datetime.now(UTC))
    for path in lists:
        listed = proof.verify(path.read_bytes(), trusted)
        if not listed.trusted:
            raise Unverifiable(f"The status list {path} is not signed by a trusted key.")
        for entry in _objects(said.get("credentialStatus")):
            if entry.get("statusListCredential") == listed.credential.get("id") and status_list.is_set(
                listed.credential, int(entry["statusListIndex"])
            ):
                purpose = entry.get("statusPurpose")
                validity = {"revocation": "revoked", "suspension": "suspended"}.get(purpose, "unclear")
    return validity


def _objects(value: Any) -> list[Any]:
    """The objects of a field that is one or a list of them."""
    return [entry for entry in (value if isinstance(value, list) else [value]) if isinstance(entry, dict)]


def _say(*lines: str) -> None:
    for line in lines:
        print(line)
