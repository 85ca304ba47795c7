"""The JSON of accounts, for the description of the API; `wire.py` reads it."""

from __future__ import annotations

from lernbatch.web.schema import DONE, USER_ID, Shape, flag, record, text, whole

merge = Shape(
    request=record("edata", edata=record("fromAccountId toAccountId", fromAccountId=USER_ID, toAccountId=USER_ID)),
    result=record("response batches", response=text(example="SUCCESS"), batches=whole("That went over.")),
)
forget = Shape(
    request=record("edata", edata=record("userId", userId=USER_ID, erase=flag("What stays names the person no more."))),
    result=DONE,
)
