"""The server with an application that answers a constant: `python -m bench.ceiling SOCKET BYTES`, a descriptor first.

What the service's own server, its settings and Starlette make possible where nothing is done.
"""

from __future__ import annotations

import socket
import sys

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lernbatch.config import Config
from lernbatch.web import server


def application(answer_bytes: int) -> Starlette:
    answer = b'{"result":"' + b"x" * (answer_bytes - 13) + b'"}'

    async def constant(request: Request) -> Response:
        await request.body()
        return Response(answer, media_type="application/json")

    return Starlette(routes=[Route("/{path:path}", constant, methods=["GET", "POST", "PATCH"])])


if __name__ == "__main__":
    descriptor, answer_bytes = map(int, sys.argv[1:])
    with socket.socket(fileno=descriptor) as sock:
        server.serve_alone(application(answer_bytes), Config(), sock)
