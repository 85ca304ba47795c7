"""Why somebody has a certificate or has none; parked failures; all certificates of a batch in a zip; the commands."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

from lernbatch.credential.keys import KeysUnusable
from tests import forked
from tests.certificate.cohort import MERIT, Cohort, new_cohort
from tests.people import ASHA, IMRAN, KAVYA, MEERA, RAVI, VIKRAM, Person
from tests.running import running

PATH = "/v1/course/batch/cert"


def explained(cohort: Cohort, person: Person | None = None, by: Person = VIKRAM) -> Any:
    path = f"{PATH}/explain/{cohort.batch_id}" + (f"/{person.user_id}" if person else "")
    return cohort.service.call("GET", path, by)


def fill(cohort: Cohort) -> None:
    cohort.attach(criteria=MERIT, name="Merit")
    cohort.enrol(ASHA, percent=80)
    cohort.enrol(KAVYA, percent=50)
    cohort.enrol(IMRAN)
    cohort.enrol(RAVI, status=1)
    cohort.ask()
    cohort.work()


def test_a_batch_is_explained_in_one_line(cohort: Cohort) -> None:
    fill(cohort)
    (tally,) = explained(cohort).json()["result"]["response"]["templates"]
    said = "Merit: 3 completed: 1 issued, 1 below 70 %, 1 waiting for a score; 1 not completed yet."
    assert tally["summary"] == said
    assert tally["outcomes"] == {"issued": 1, "unmet": 1, "waiting": 2}


def test_where_completing_is_not_asked_for_all_learners_are_counted(cohort: Cohort) -> None:
    cohort.attach(criteria={"assessment": {"score": {">=": 70}}}, name="Scorers")
    cohort.enrol(ASHA, percent=80)
    cohort.enrol(KAVYA, status=1)
    cohort.ask(ASHA)
    cohort.work()
    (tally,) = explained(cohort).json()["result"]["response"]["templates"]
    assert tally["summary"] == "Scorers: 2 learners: 1 issued, 1 waiting for a score."


def test_a_learner_is_explained_with_the_evidence(cohort: Cohort) -> None:
    fill(cohort)
    shown = explained(cohort, KAVYA).json()["result"]["response"]
    (template,) = shown["templates"]
    assert template["decision"]["because"] == "below 70 %"
    assert template["decision"]["parts"][1]["evidence"]["percent"] == 50
    assert (shown["certificates"], shown["due"]) == ([], None)
    issued = explained(cohort, ASHA).json()["result"]["response"]
    assert issued["certificates"][0]["status"] == "active"
    assert issued["certificates"][0]["decision"]["parts"][1]["evidence"]["percent"] == 80


def test_learners_may_ask_of_themselves_and_of_nobody_else(cohort: Cohort) -> None:
    fill(cohort)
    assert explained(cohort, ASHA, by=ASHA).status_code == 200
    assert explained(cohort, KAVYA, by=ASHA).status_code == 401
    assert explained(cohort, by=MEERA).status_code == 401
    assert explained(cohort, MEERA).status_code == 404


def test_a_name_that_no_font_draws_is_told(cohort: Cohort) -> None:
    user_id = f"zhang-{cohort.batch_id}"
    cohort.service.sql("INSERT INTO sandbox_person (user_id, first_name) VALUES ($1, '张伟 Asha')", user_id)
    cohort.put(user_id, 2, {})
    cohort.attach()
    cohort.work()
    assert len(cohort.certificates()) == 1
    shown = explained(cohort, Person(user_id, "", "")).json()["result"]["response"]
    assert shown["charactersNoFontCanDraw"] == "张伟"


def test_what_failed_is_told_with_the_reason_and_can_be_tried_again(cohort: Cohort) -> None:
    user_id = f"nameless-{cohort.batch_id}"
    cohort.service.sql("INSERT INTO sandbox_person (user_id, first_name) VALUES ($1, '')", user_id)
    cohort.put(user_id, 2, {})
    cohort.attach()
    cohort.work()
    (tally,) = explained(cohort).json()["result"]["response"]["templates"]
    said = "1 completed: 0 issued, 1 failed: The user service knows no name of this learner.; 0 not completed yet."
    assert tally["summary"].endswith(said)
    assert (tally["outcomes"], sum(tally["failures"].values())) == ({"failed": 1}, 1)
    cohort.service.sql(
        "UPDATE certificate_due SET parked = true WHERE batch_id = $1 AND user_id = $2", cohort.batch_id, user_id
    )
    cohort.service.sql("UPDATE sandbox_person SET first_name = 'Lata' WHERE user_id = $1", user_id)
    assert cohort.work() == 0
    answer = cohort.service.call("POST", f"{PATH}/retry", VIKRAM, {"batchId": cohort.batch_id})
    assert answer.json()["result"] == {"response": "SUCCESS", "count": 1}
    cohort.work()
    assert len(cohort.certificates()) == 1


def test_the_zip_holds_what_was_issued_between_two_days(cohort: Cohort) -> None:
    fill(cohort)
    today = cohort.service.clock.today().isoformat()
    path = f"{PATH}/download/{cohort.batch_id}"
    held = cohort.service.call("GET", f"{path}?from={today}&to={today}&form=json", VIKRAM)
    with zipfile.ZipFile(io.BytesIO(held.content)) as archive:
        assert archive.testzip() is None
        (name,) = archive.namelist()
        assert name.startswith(ASHA.user_id)
    empty = cohort.service.call("GET", f"{path}?to=2020-01-01", VIKRAM)
    assert zipfile.ZipFile(io.BytesIO(empty.content)).namelist() == []
    assert cohort.service.call("GET", path, RAVI).status_code == 401
    assert cohort.service.call("GET", f"{path}?from=x", VIKRAM).json()["params"]["err"] == "INVALID_PARAMETER_VALUE"


def command(cohort: Cohort, dsn: str, *arguments: str) -> tuple[int, str]:
    home = {"LERNBATCH_HOME": str(cohort.service.config.home), "LERNBATCH_DATABASE_URL": dsn}
    done = forked.run(arguments, {**os.environ, **home})
    return done.returncode, done.stdout + done.stderr


def test_the_commands_explain_and_revoke(cohort: Cohort, dsn_of_service: str) -> None:
    fill(cohort)
    code, said = command(cohort, dsn_of_service, "certificate", "explain", cohort.batch_id)
    assert (code, "Merit: 3 completed: 1 issued" in said) == (0, True)
    code, said = command(cohort, dsn_of_service, "certificate", "explain", cohort.batch_id, KAVYA.user_id)
    assert (code, "Merit: unmet, below 70 %" in said) == (0, True)
    number = cohort.certificates()[0]["certificate_id"]
    code, said = command(cohort, dsn_of_service, "certificate", "explain", cohort.batch_id, ASHA.user_id)
    assert (code, f"Merit {number}: active" in said, "assessment: met, score >= 70 %" in said) == (0, True, True)
    code, said = command(cohort, dsn_of_service, "certificate", "revoke", number, "--reason", "by mistake")
    assert (code, said) == (0, f"{number} is revoked.\n")
    assert cohort.certificates()[0]["change_reason"] == "by mistake"


def test_verify_needs_no_server_and_tells_the_truth(cohort: Cohort, tmp_path: Path) -> None:
    fill(cohort)
    number = cohort.certificates()[0]["certificate_id"]
    file, keys, revoked = tmp_path / "c.json", tmp_path / "did.json", tmp_path / "list.json"
    file.write_bytes(cohort.service.call("GET", f"/certs/{number}.json").content)
    keys.write_bytes(cohort.service.call("GET", "/.well-known/did.json").content)
    nowhere = "postgresql://127.0.0.1:1/nothing"
    code, said = command(cohort, nowhere, "verify", str(file))
    assert (code, "Valid: the signature is the issuer's" in said) == (0, True)
    picture = tmp_path / "c.pdf"
    picture.write_bytes(cohort.service.call("GET", f"/certs/{number}.pdf").content)
    code, said = command(cohort, nowhere, "verify", str(picture))
    assert (code, "for Asha K" in said, "what the picture shows is not" in said) == (0, True, True)
    assert command(cohort, nowhere, "verify", str(file), "--keys", str(keys))[0] == 0
    change = {"identifier": number, "status": "revoked", "reason": "by mistake"}
    cohort.service.call("PATCH", f"{PATH}/status", VIKRAM, change)
    revoked.write_bytes(cohort.service.call("GET", "/certs/status/revocation/0").content)
    code, said = command(cohort, nowhere, "verify", str(file), "--status", str(revoked))
    assert (code, "is genuine, and revoked" in said) == (1, True)
    file.write_bytes(file.read_bytes().replace(b"Asha", b"Usha"))
    code, said = command(cohort, nowhere, "verify", str(file))
    assert (code, "does NOT verify" in said) == (1, True)


def test_with_a_key_that_cannot_be_read_everybody_waits_and_is_told_for_what(dsn: str, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "key-1.pem").write_text("nonsense")
    with running(tmp_path, dsn, certificate_key_folder=folder) as service:
        cohort = new_cohort(service)
        cohort.enrol(ASHA)
        cohort.attach()
        assert cohort.work() == 1
        assert cohort.certificates() == []
        due = explained(cohort, ASHA).json()["result"]["response"]["due"]
        assert due["error"] == KeysUnusable.message  # which key, and where it lies, is for the log
        (folder / "key-1.pem").unlink()
        service.clock.move(seconds=10)
        cohort.work()
        assert len(cohort.certificates()) == 1
