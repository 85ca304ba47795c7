"""The three datasets, byte for byte, for several organisations, five scripts and every kind of consent.

The files under golden/ were checked by hand against the contract, jobs §5.6 to §5.9.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.people import ASHA, IMRAN, KAVYA, OTHER_ORG, RAVI, Person
from tests.reporting import Reporting, unzipped
from tests.running import Running
from tests.seeds import BOOK, EXTRA, QUIZ, REQUIRED, VIDEO

GOLDEN = Path(__file__).with_name("golden")
BATCH = "0140000000000000007"
ZOE = Person("golden-1", 'Zoë "Zo"', "O'Neil, Jr.")
AMINA = Person("golden-2", "أمينة", "")
LI = Person("golden-3", "李", "小龙\nsecond line", OTHER_ORG)
BIJOY = Person("golden-4", "বিজয়", "back\\slash, comma", "")
GHOST = Person("golden-5", "nobody", "knows")
LATER = datetime(2026, 6, 20, tzinfo=UTC)


def known(service: Running, person: Person, **columns: Any) -> None:
    given = {
        "user_id": person.user_id,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "org_id": person.org_id,
        **columns,
    }
    places = ", ".join(f"${number}" for number in range(1, len(given) + 1))
    service.sql(
        f"INSERT INTO sandbox_person ({', '.join(given)}) VALUES ({places}) ON CONFLICT DO NOTHING", *given.values()
    )


def question(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"do_q{number}",
        "assess_ts": 1,
        "max_score": 1.0,
        "score": 0.67,
        "type": "mcq",
        "title": "Which, if any?",
        "resvalues": [{"1": '{"text":"A\\n"}'}],
        "params": [{"1": '{"text":"A"}'}, {"answer": '{"correct":["1"]}'}],
        "description": "",
        "duration": 2.5,
        **fields,
    }


@pytest.fixture(scope="session")
def golden(shared_service: Running) -> Reporting:
    service = shared_service
    known(service, ZOE, state="Tamil Nadu", district="Chennai", school_name='St. "Mary", Chennai', email="zoe,o@x.org")
    known(
        service,
        AMINA,
        school_name='C:\\temp, "x"',
        state="Kerala",
        user_type="teacher",
        user_sub_type="hm",
        phone="+911234567890",
        status=0,
    )
    known(service, LI, school_name="Line\nBreak School", school_id="29010203", board="CBSE")
    known(service, BIJOY, block="Block A", cluster="a\\b\t1", status=2)
    made = Reporting(service, batch_id=BATCH, name='June, "first" shift')
    made.enrol(ASHA, completed=(VIDEO, BOOK, EXTRA), scores={QUIZ: [2.67, 4, 2]})
    made.enrol(KAVYA, completed=REQUIRED, finished=True, certificates=[{"id": "c1"}], scores={QUIZ: [4, 4, 1]})
    made.enrol(IMRAN, scores={QUIZ: [0.0, 4.0, 1]})
    made.enrol(ZOE, completed=(VIDEO,))
    made.enrol(AMINA, completed=REQUIRED)
    made.enrol(LI, scores={QUIZ: [0.0, 0.0, 1]})
    made.enrol(BIJOY)
    made.enrol(GHOST)
    made.enrol(RAVI, active=False)
    made.attempt(ASHA, QUIZ, "a1", [question(1), question(2, score=1, duration=0.4, title='Say "yes"\nor no')])
    made.attempt(ASHA, QUIZ, "a2", [])
    made.attempt(LI, "do_gone", "a1", [question(3, params=None, resvalues=[])])
    made.attempt(RAVI, QUIZ, "a1", [question(1)])
    made.consent(ASHA)
    made.consent(KAVYA, "REVOKED")
    made.consent(IMRAN, "Active", updated_at=LATER, expires_at=datetime.now(UTC) + timedelta(days=400))
    made.consent(ZOE, "active", updated_at=LATER)
    made.consent(AMINA, expires_at=LATER)
    made.consent(BIJOY, "DELETED")
    made.consent(GHOST)
    return made


def test_the_progress_exhaust(golden: Reporting) -> None:
    check("progress.csv", golden.text())


def test_the_user_info_exhaust(golden: Reporting) -> None:
    check("userinfo.csv", golden.text("userinfo-exhaust", encryptionKey="abc12345"))


def test_the_response_exhaust(golden: Reporting) -> None:
    check("response.csv", golden.text("response-exhaust"))


def test_another_organisation_sees_its_own_learners_only(golden: Reporting) -> None:
    service = golden.service
    service.sql("UPDATE batch SET mentors = $1 WHERE batch_id = $2", [RAVI.user_id], BATCH)
    assert golden.submit(by=RAVI).status_code == 200
    golden.work()
    (job,) = golden.jobs(by=RAVI)
    assert job["tag"] == f"{golden.tag}:{OTHER_ORG}"
    text = unzipped(golden.fetch(job["downloadUrls"][0])).decode()
    assert [who.user_id in text for who in (IMRAN, LI, ASHA, GHOST)] == [True, True, False, False]


def check(name: str, text: str) -> None:
    assert text.encode() == (GOLDEN / name).read_bytes()
