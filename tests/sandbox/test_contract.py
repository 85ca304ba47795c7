"""What the clients see of the other services: the same in-process and over TCP."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from lernbatch.errors import Upstream
from lernbatch.sunbird.http import UpstreamRefused
from lernbatch.sunbird.users import DELETED, INACTIVE
from tests.running import Running
from tests.seeds import COURSE as MATHEMATICS
from tests.seeds import RETIRED_COURSE

COURSE = "do_21400000000000001"
ASSESSMENT = "do_21400000000000131"
LEAF_NODES = 14


def test_a_course_is_read_with_what_a_batch_needs(reached: Running) -> None:
    course = reached.run(reached.services.sunbird.content.course(COURSE))
    assert course is not None
    assert (course.content_id, course.status, course.leaf_nodes_count) == (COURSE, "Live", LEAF_NODES)
    assert course.trackable
    assert course.user_consent
    assert (course.primary_category, course.channel, course.package_version) == ("Course", "org-lotus", 1)
    assert course.name.startswith("Water, Light and Life")


@pytest.mark.parametrize("course_id", ["do_nowhere", "../read", "a b/ü?x=1", "%2e%2e"])
def test_a_course_that_does_not_exist_is_none(reached: Running, course_id: str) -> None:
    assert reached.run(reached.services.sunbird.content.course(course_id)) is None
    assert reached.run(reached.services.sunbird.content.hierarchy(course_id)) is None


def test_a_retired_course_has_metadata_and_no_tree(reached: Running) -> None:
    course = reached.run(reached.services.sunbird.content.course(RETIRED_COURSE))
    assert course is not None
    assert course.status == "Retired"
    assert reached.run(reached.services.sunbird.content.hierarchy(RETIRED_COURSE)) is None


def test_a_tree_comes_as_it_was_imported(reached: Running) -> None:
    tree = reached.run(reached.services.sunbird.content.hierarchy(COURSE))
    assert tree is not None
    assert [unit["name"] for unit in tree["children"]] == [
        "Water around us",
        "प्रकाश और छाया",
        "உயிரினங்களின் உலகம்",
        "What have you learnt?",
    ]
    assert len(tree["leafNodes"]) == LEAF_NODES


def test_batches_written_to_a_course_are_read_back_and_can_be_removed(reached: Running) -> None:
    content = reached.services.sunbird.content
    batches = [{"batchId": "0140", "name": "Spring", "endDate": None, "status": 1}]
    reached.run(content.write_batches(MATHEMATICS, batches))
    course = reached.run(content.course(MATHEMATICS))
    assert course is not None
    assert list(course.batches) == batches
    reached.run(content.write_batches(MATHEMATICS, None))
    course = reached.run(content.course(MATHEMATICS))
    assert course is not None
    assert course.batches == ()


def test_batches_cannot_be_written_to_a_course_that_does_not_exist(reached: Running) -> None:
    with pytest.raises(UpstreamRefused) as refused:
        reached.run(reached.services.sunbird.content.write_batches("do_nowhere", []))
    assert (refused.value.http_status, refused.value.code) == (404, "RESOURCE_NOT_FOUND")


def test_a_course_is_created_copied_and_given_a_tree(reached: Running) -> None:
    content = reached.services.sunbird.content
    made = reached.run(content.create_course({"name": "New", "contentType": "Course"}, "org-lotus")).result
    course_id, unit_id = made["identifier"], str(uuid4())
    data = {
        "nodesModified": {unit_id: {"isNew": True, "root": False, "metadata": {"name": "Unit"}}},
        "hierarchy": {course_id: {"root": True, "children": [unit_id]}, unit_id: {"children": [ASSESSMENT]}},
    }
    changed = reached.run(content.update_hierarchy(data, "org-lotus"))
    assert changed.ok
    assert changed.result["content_id"] == course_id
    copied = reached.run(content.copy_course(course_id, {"name": "Copy"}, "org-lotus")).result
    copy = reached.run(content.course(copied["node_id"][course_id]))
    assert copy is not None
    assert (copy.name, copy.status) == ("Copy", "Draft")


def test_a_course_without_a_name_is_not_created_and_the_reason_is_told(reached: Running) -> None:
    reply = reached.run(reached.services.sunbird.content.create_course({}, "org-lotus"))
    assert (reply.status, reply.ok, reply.code) == (400, False, "CLIENT_ERROR")
    assert reply.text == "The content to create, or its name, is missing."


def test_the_number_of_questions_of_a_content_is_told_where_it_is_known(reached: Running) -> None:
    content = reached.services.sunbird.content
    assert reached.run(content.total_questions(ASSESSMENT)) == 6
    assert reached.run(content.total_questions(COURSE)) is None
    assert reached.run(content.total_questions("do_nowhere")) is None


def test_a_question_set_tells_its_questions_and_attempts(reached: Running) -> None:
    questions = reached.services.sunbird.questions
    found = reached.run(questions.question_set(ASSESSMENT))
    assert found is not None
    assert (found.total_questions, found.max_attempts, found.status) == (6, 3, "Live")
    assert reached.run(questions.question_set(COURSE)) is None
    assert reached.run(questions.question_set("do_nowhere")) is None


def test_search_finds_live_trackable_courses_among_many_ids(reached: Running) -> None:
    search = reached.services.sunbird.search
    asked = [COURSE, MATHEMATICS, RETIRED_COURSE, ASSESSMENT, *(f"do_none_{number}" for number in range(250))]
    found = reached.run(search.trackable_courses(asked, query_string="orgdetails=orgName&x=%20"))
    assert {course["identifier"] for course in found} == {COURSE, MATHEMATICS}


def test_search_filters_by_any_path_and_by_elements_of_lists(reached: Running) -> None:
    search = reached.services.sunbird.search

    def found(**filters: object) -> set[str]:
        hits = reached.run(search.courses({"primaryCategory": "Course", **filters}, fields=["identifier"], limit=100))
        return {hit["identifier"] for hit in hits}

    assert COURSE in found(gradeLevel=["Class 7"])
    assert COURSE not in found(gradeLevel=["Class 9"])
    assert RETIRED_COURSE in found(status=["Retired"])
    assert RETIRED_COURSE not in found()
    assert found(**{"trackable.enabled": "No"}) == set()


def test_search_gives_only_the_fields_that_were_asked_for(reached: Running) -> None:
    hits = reached.run(reached.services.sunbird.search.courses({"identifier": COURSE}, fields=["name"], limit=1))
    assert [set(hit) for hit in hits] == [{"identifier", "name"}]


def test_a_filter_that_nobody_understands_is_refused_not_ignored(reached: Running) -> None:
    with pytest.raises(UpstreamRefused) as refused:
        reached.run(reached.services.sunbird.search.courses({"leafNodesCount": {"~": 3}}, limit=1))
    assert refused.value.http_status == 400


def test_leaf_nodes_mail_content_and_titles_come_from_search(reached: Running) -> None:
    search = reached.services.sunbird.search
    assert reached.run(search.leaf_nodes_count(COURSE)) == LEAF_NODES
    assert reached.run(search.leaf_nodes_count(RETIRED_COURSE)) == 0
    mail = reached.run(search.mail_content(COURSE))
    assert mail is not None
    assert mail.logo_url == "CLOUD_BASE_PATH/content/lotus/water.png"
    assert reached.run(search.mail_content("do_nowhere")) is None
    assert reached.run(search.titles([ASSESSMENT, RETIRED_COURSE, "do_nowhere"])) == {
        ASSESSMENT: "Final assessment: water, light, life",
        RETIRED_COURSE: "Old course",
    }
    assert reached.run(search.healthy())


def test_a_person_is_read_with_places_roles_and_organisation(reached: Running) -> None:
    asha = reached.run(reached.services.sunbird.users.profile("u-asha", token="of-the-caller"))
    assert asha is not None
    assert (asha.name, asha.root_org_id, asha.org_name) == (
        "Asha Kulkarni",
        "org-lotus",
        "Lotus State Board of Teacher Education",
    )
    assert (asha.state, asha.district, asha.block, asha.cluster) == ("Maharashtra", "Pune", "Haveli", "Wagholi")
    assert (asha.school_id, asha.school_name) == ("27250100101", "Zilla Parishad School Wagholi")
    assert (asha.board, asha.user_type, asha.user_sub_type) == ("State (Maharashtra)", "student", "")
    assert (asha.email, asha.phone, asha.masked_phone) == ("asha.kulkarni@example.org", "9000000001", "******0001")
    assert asha.roles == ("PUBLIC",)


def test_many_people_are_read_and_strangers_left_out(reached: Running) -> None:
    people = reached.run(reached.services.sunbird.users.profiles(["u-gone", "u-blocked", "u-noor", "u-noor", "nobody"]))
    assert set(people) == {"u-gone", "u-blocked", "u-noor"}
    assert people["u-gone"].is_deleted
    assert people["u-gone"].status == DELETED
    assert people["u-blocked"].status == INACTIVE
    assert people["u-noor"].last_name == "D'Souza, Jr."
    assert people["u-noor"].school_name == ""


def test_consents_are_read_per_course_and_organisation(reached: Running) -> None:
    users = reached.services.sunbird.users
    asked = ["u-asha", "u-priya", "u-arjun", "u-sana", "u-meera"]
    found = reached.run(users.consents(asked, COURSE, "org-lotus"))
    now = datetime(2026, 2, 1, tzinfo=UTC)
    assert {user_id: consent.holds(now) for user_id, consent in found.items()} == {
        "u-asha": True,
        "u-priya": True,
        "u-arjun": False,  # revoked
        "u-sana": False,  # over
    }
    assert found["u-asha"].updated_at == datetime(2026, 1, 10, 4, 0, tzinfo=UTC)
    assert reached.run(users.consents(asked, COURSE, "org-banyan")) == {}


def test_organisations_that_do_not_exist_are_named(reached: Running) -> None:
    organisations = reached.services.sunbird.organisations
    asked = ["org-lotus", "org-nowhere", *(f"org-{number}" for number in range(150))]
    assert reached.run(organisations.missing(asked)) == set(asked) - {"org-lotus"}
    found = reached.run(organisations.find(["org-lotus-cluster-7"]))["org-lotus-cluster-7"]
    assert (found.name, found.channel, found.is_root) == ("Cluster Resource Centre 7", "org-lotus", False)


def test_members_of_a_group_come_in_its_order(reached: Running) -> None:
    members = reached.run(reached.services.sunbird.groups.members("group-wagholi", "of-the-caller"))
    assert [(member.user_id, member.role) for member in members] == [
        ("u-asha", "member"),
        ("u-chotu", "member"),
        ("u-meera", "admin"),
    ]
    with pytest.raises(Upstream):
        reached.run(reached.services.sunbird.groups.members("group-nowhere", None))


def test_a_template_is_read_with_its_issuer_and_its_picture(reached: Running) -> None:
    templates = reached.services.sunbird.templates
    template = reached.run(templates.template("do_21400000000000900"))
    assert template is not None
    assert (template.template_id, template.title) == ("do_21400000000000900", "Certificate of completion")
    assert template.issuer is not None
    assert template.issuer["name"] == "Lotus State Board of Teacher Education"
    assert template.signatories is not None
    assert [signatory["designation"] for signatory in template.signatories] == ["Director"]
    assert template.artifact_url.endswith(".svg")
    assert reached.run(templates.picture(template.artifact_url)).startswith(b"<svg")
    assert reached.run(templates.template("do_nowhere")) is None


def test_messages_are_handed_over_and_kept(reached: Running) -> None:
    notify = reached.services.sunbird.notify
    mark = str(uuid4())
    reached.run(notify.email({"subject": mark}))
    assert reached.run(notify.notification({"body": mark}))
    reached.run(notify.feed({"userId": mark}))
    kept = reached.sql("SELECT kind FROM sandbox_message WHERE request::text LIKE $1 ORDER BY message_id", f"%{mark}%")
    assert [row["kind"] for row in kept] == ["email", "notification", "feed"]
