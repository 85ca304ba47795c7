"""The kinds of failure: who must act, and what the caller sees. Each refusal is a subclass beside its rule."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


class LernbatchError(Exception):
    """Base of what we raise on purpose. `http_status` is what the caller of the API sees.

    `code` None is the reference's uncoded failure (contract batches §1.4, form B).
    """

    http_status = 500
    code: str | None = None
    message: str | None = None
    retry_after_seconds: int | None = None  # None: to try again as it is would not help
    details: Mapping[str, object] = MappingProxyType({})  # what stands in `result`, an addition

    def __init__(self, message: str | None = None, *, code: str | None = None) -> None:
        if message is not None:
            self.message = message
        if code is not None:
            self.code = code
        super().__init__(self.message or self.code or type(self).__name__)


class Refused(LernbatchError):
    """The caller must change the request."""

    http_status = 400


class Missing(Refused):
    """A mandatory parameter is missing or blank."""

    code = "MANDATORY_PARAMETER_MISSING"

    def __init__(self, parameter: str) -> None:
        super().__init__(f"Mandatory parameter {parameter} is missing.")


class WrongType(Refused):
    """A parameter has another JSON type than the contract names."""

    code = "DATA_TYPE_ERROR"

    def __init__(self, parameter: str, expected: str) -> None:
        super().__init__(f"Data type of {parameter} should be {expected}.")


class Unstorable(Refused):
    """A text that the database cannot keep: one with a NUL character, or too long for what it names."""

    code = "INVALID_REQUESTED_DATA"
    message = "Requested data for this operation is not valid."


class NotAnObject(Refused):
    """A body, or its `request`, that is JSON but no object, on a route that the reference's service does not have."""

    code = "INVALID_REQUESTED_DATA"
    message = "The request body must be a JSON object, and so must its request."


class NotAuthenticated(LernbatchError):
    """No usable token on a protected route (contract batches §1.4, form C)."""

    http_status = 401
    code = "UNAUTHORIZED_USER"
    message = "You are not authorized."


class Unauthorized(LernbatchError):
    """Who they are is known, but the matter is not theirs (form A with 401)."""

    http_status = 401
    code = "UNAUTHORIZED_USER"
    message = "You are not authorized."


class Forbidden(LernbatchError):
    """The caller may not, whoever owns the matter."""

    http_status = 403
    code = "FORBIDDEN"
    message = "You are not authorized."


class NotFound(LernbatchError):
    """The caller names something that does not exist."""

    http_status = 404
    code = "RESOURCE_NOT_FOUND"
    message = "Requested resource not found"


class Malformed(LernbatchError):
    """The body has a shape that the reference answers with 500 INTERNAL_ERROR (form D)."""

    http_status = 500
    code = "INTERNAL_ERROR"
    message = "Process failed,please try again later."


class NoAnswer(LernbatchError):
    """What the reference never answers and its front ends then end with 500 (form E); we answer so at once."""

    http_status = 500
    code = "INTERNAL_ERROR"
    message = "Process failed,please try again later."


class Unmappable(LernbatchError):
    """The envelope itself cannot be read, e.g. `request` is no object (form F: no code, no text)."""

    http_status = 500


class Unavailable(LernbatchError):
    """Nothing is answered until the service is well again (form G)."""

    http_status = 503


class Busy(LernbatchError):
    """More is asked of this process than it can do in time; the caller may come back."""

    http_status = 503
    code = "SERVICE_UNAVAILABLE"
    message = "The service is busy,please try again later."
    retry_after_seconds = 1


class Away(Busy):
    """The database has no primary now, or has just got another one. Nothing was changed, and nothing will be."""

    message = "The database is away for a moment. Nothing was changed,please try again later."


class FateUnknown(Busy):
    """The database went away before it said whether a change was made."""

    message = "The database went away in the middle. Whether it was done is not known,please look and try again."


class Upstream(LernbatchError):
    """Another service failed. The detail is for the log, never for the caller: it may be in the other one's words.

    `shown`: what a caller may read of it, in ours.
    """

    http_status = 500
    code: str | None = "INTERNAL_ERROR"
    message: str | None = "Process failed,please try again later."

    def __init__(
        self, detail: str, *, status: int | None = None, upstream_code: str | None = None, shown: str | None = None
    ) -> None:
        super().__init__()
        self.detail, self.status, self.upstream_code = detail, status, upstream_code
        self.shown = shown or f"another service {f'answered {status}' if status else 'did not answer'}"

    @property
    def refuses(self) -> bool:
        """Whether the other service does not want this request, however often it comes."""
        return self.status is not None and 400 <= self.status < 500 and self.status != 429


class Unusable(Exception):
    """The installation cannot work as it stands; the message is one sentence for the operator."""

    def __reduce__(self) -> tuple[Any, ...]:
        """A process that raises it hands it to another one, which does not make its sentence anew."""
        return Unusable.__new__, (type(self), *self.args), self.__dict__
