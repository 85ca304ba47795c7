"""The JSON and the texts of what operators ask."""

from __future__ import annotations

from lernbatch.web.schema import Shape, flag, listed, record, text

_CHECK = record("name healthy err errmsg", name=text(), healthy=flag(), err=text(), errmsg=text())
_CHECKS = record("name healthy checks", name=text(), healthy=flag(), checks=listed(_CHECK))

health_of_all = Shape(result=record("response", response=_CHECKS))
health_of_service = Shape(produces="application/json")
clear_cache = Shape()
live = Shape(produces="text/plain")
ready = Shape(produces="text/plain", also={503: "Do not send requests here now"})
metrics = Shape(produces="text/plain")
describe = Shape(produces="application/json")
explain = Shape(produces="text/html")
