"""Credentials with a list of proofs, several proofs or a chain: each is looked at, and the answer says which counts."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from lernbatch.credential import baking, keys, open_badge
from lernbatch.credential import proof as credential
from lernbatch.credential.keys import KeySet
from lernbatch.credential.strict_json import Unverifiable
from lernbatch.drawing import picture
from tests.certificate.cohort import Cohort
from tests.certificate.test_explain import command, fill
from tests.credential import verifier
from tests.credential.test_credential import AWARD, NOW
from tests.drawing import scripts

ISSUER = "https://lern.example"
OTHER_KIND = {
    "type": "RsaSignature2018",
    "created": "2026-07-01T10:00:00Z",
    "verificationMethod": "did:india",
    "proofPurpose": "assertionMethod",
    "jws": "eyJ",
}


@pytest.fixture(scope="module")
def issuer_keys(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    return keys.open_key_set(tmp_path_factory.mktemp("keys"), ISSUER)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    """Somebody who signs in the issuer's name."""
    return keys.open_key_set(tmp_path_factory.mktemp("strange"), ISSUER)


@pytest.fixture(scope="module")
def notary(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    """Somebody who signs in a name of his own."""
    return keys.open_key_set(tmp_path_factory.mktemp("notary"), "https://notary.example")


@pytest.fixture(scope="module")
def unsigned(issuer_keys: KeySet) -> dict[str, Any]:
    return open_badge.build(AWARD, issuer_keys.did)


def proof(unsigned: dict[str, Any], issuer_keys: KeySet, *previous: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A proof on top of others, written from the W3C text."""
    options = credential.sign(unsigned, issuer_keys, NOW)["proof"] | more
    del options["proofValue"]
    document = unsigned | ({"proof": list(previous)} if previous else {})
    digest = sha256(rfc8785.dumps(options)).digest() + sha256(rfc8785.dumps(document)).digest()
    return {**options, "proofValue": keys.multibase(issuer_keys.signing.sign(digest))}


def verified(unsigned: dict[str, Any], proofs: Any, issuer_keys: KeySet) -> credential.VerifiedCredential:
    return credential.verify(json.dumps({**unsigned, "proof": proofs}).encode(), issuer_keys.keys)


def reasons(unsigned: dict[str, Any], proofs: Any, issuer_keys: KeySet) -> list[str | None]:
    return [one.why_not for one in verified(unsigned, proofs, issuer_keys).proofs]


def test_a_list_of_one_proof_is_that_proof(unsigned: dict[str, Any], issuer_keys: KeySet) -> None:
    one = proof(unsigned, issuer_keys)
    assert verified(unsigned, [one], issuer_keys).trusted
    assert verified(unsigned, one, issuer_keys).trusted
    assert verifier.proof_holds(rfc8785.dumps({**unsigned, "proof": one}), issuer_keys.document)


@pytest.mark.parametrize("place", [0, 1])
def test_a_proof_of_another_kind_beside_ours_does_not_hide_it(
    unsigned: dict[str, Any], issuer_keys: KeySet, place: int
) -> None:
    proofs = [OTHER_KIND]
    proofs.insert(place, proof(unsigned, issuer_keys))
    found = verified(unsigned, proofs, issuer_keys)
    assert found.trusted
    assert found.proofs[place].why_not is None
    assert found.proofs[1 - place].why_not == "The proof is of a kind that is not known here."
    assert found.proofs[1 - place].name == f"Proof {2 - place} of 2 (RsaSignature2018, did:india)"


def test_the_one_by_a_trusted_key_counts(unsigned: dict[str, Any], issuer_keys: KeySet, stranger: KeySet) -> None:
    proofs = [proof(unsigned, stranger), proof(unsigned, issuer_keys)]
    found = verified(unsigned, proofs, issuer_keys)
    assert (found.trusted, found.key.name) == (True, issuer_keys.signing.name)
    assert [one.why_not for one in found.proofs] == ["It holds too; one is enough.", None]
    assert not verified(unsigned, proofs[:1], issuer_keys).trusted


def test_proofs_that_do_not_count_say_why(unsigned: dict[str, Any], issuer_keys: KeySet, notary: KeySet) -> None:
    changed = proof({**unsigned, "name": "another"}, issuer_keys)
    odd = proof(unsigned, issuer_keys, proofPurpose="authentication")
    unknown = {**proof(unsigned, issuer_keys), "verificationMethod": f"{issuer_keys.did}#nonsense"}
    proofs = [changed, proof(unsigned, notary), odd, unknown, "x", {}, proof(unsigned, issuer_keys)]
    said = reasons(unsigned, proofs, issuer_keys)
    assert said == [
        "The signature does not fit the content: it was changed after signing.",
        "The signing key is not the issuer's.",
        "The proof was made for another purpose.",
        "The key 'nonsense' is unknown here.",
        "It is no proof.",
        "The proof is of a kind that is not known here.",
        None,
    ]
    with pytest.raises(Unverifiable, match=r"None of its 6 proofs counts. Proof 1 of 6 .*: The signature does not fit"):
        verified(unsigned, proofs[:-1], issuer_keys)


@pytest.mark.parametrize("spelled", [str, lambda name: [name]])
def test_in_a_chain_each_proof_signs_the_ones_before_it(
    unsigned: dict[str, Any], issuer_keys: KeySet, notary: KeySet, spelled: Any
) -> None:
    first = proof(unsigned, issuer_keys, id="urn:uuid:1")
    second = proof(unsigned, notary, first, id="urn:uuid:2", previousProof=spelled("urn:uuid:1"))
    third = proof(unsigned, issuer_keys, second, id="urn:uuid:3", previousProof=spelled("urn:uuid:2"))
    assert reasons(unsigned, [first, second], issuer_keys) == [None, "The signing key is not the issuer's."]
    assert reasons(unsigned, [third, second, first], issuer_keys)[0] is None
    without = {name: value for name, value in third.items() if name != "previousProof"}
    said = reasons(unsigned, [first, second, without], issuer_keys)
    assert said[2] == "The signature does not fit the content: it was changed after signing."


def test_a_chain_with_a_broken_link_does_not_count_from_there(unsigned: dict[str, Any], issuer_keys: KeySet) -> None:
    first = proof({**unsigned, "name": "another"}, issuer_keys, id="urn:1")
    second = proof(unsigned, issuer_keys, first, id="urn:2", previousProof="urn:1")
    with pytest.raises(Unverifiable, match="builds on a proof that does not count: The signature does not fit"):
        verified(unsigned, [first, second], issuer_keys)
    good = proof(unsigned, issuer_keys)
    assert reasons(unsigned, [first, second, good], issuer_keys)[2] is None
    with pytest.raises(Unverifiable, match="builds on the proof 'urn:1', of which there is none"):
        verified(unsigned, [second], issuer_keys)
    with pytest.raises(Unverifiable, match="of which there is 2"):
        verified(unsigned, [first, first, second], issuer_keys)


def test_a_chain_that_goes_round_ends(unsigned: dict[str, Any], issuer_keys: KeySet) -> None:
    one = proof(unsigned, issuer_keys, id="urn:1", previousProof="urn:2")
    other = proof(unsigned, issuer_keys, id="urn:2", previousProof="urn:1")
    own = proof(unsigned, issuer_keys, id="urn:1", previousProof=["urn:1"])
    for proofs in ([one, other], [own]):
        with pytest.raises(Unverifiable, match="builds on itself"):
            verified(unsigned, proofs, issuer_keys)


def test_chains_have_a_bound(unsigned: dict[str, Any], issuer_keys: KeySet) -> None:
    """Each of twenty builds on all before it: each is checked once, and a twenty-first is too many."""
    proofs: list[dict[str, Any]] = []
    for number in range(credential.MAX_PROOFS):
        before = [one["id"] for one in proofs]
        proofs.append(proof(unsigned, issuer_keys, *proofs, id=f"urn:{number}", previousProof=before))
    assert reasons(unsigned, proofs, issuer_keys)[0] is None
    with pytest.raises(Unverifiable, match="more than 20 proofs"):
        verified(unsigned, [*proofs, OTHER_KIND], issuer_keys)


@pytest.mark.parametrize("proofs", [[], None, "x", [None], {}])
def test_without_a_proof_it_is_told_so(unsigned: dict[str, Any], issuer_keys: KeySet, proofs: Any) -> None:
    with pytest.raises(Unverifiable, match=r"no proof in it|kind that is not known"):
        verified(unsigned, proofs, issuer_keys)


def test_the_command_and_the_page_say_which_proof_counts(cohort: Cohort, tmp_path: Path) -> None:
    fill(cohort)
    number = cohort.certificates()[0]["certificate_id"]
    shown = cohort.service.call("GET", f"/certs/{number}", None, headers={"Accept": "application/json"}).json()
    (only,) = shown["proofs"]
    assert (only["counts"], only["reason"]) == (True, None)
    document = json.loads(cohort.service.call("GET", f"/certs/{number}.json").content)
    document["proof"] = [OTHER_KIND, document["proof"]]
    signed = json.dumps(document).encode()
    drawn = scripts.draw("latin")
    files = {
        "c.json": signed,
        "c.svg": baking.to_svg(drawn, signed),
        "c.png": baking.to_png(picture.png(drawn, 20), signed),
        "c.pdf": picture.pdf(drawn, signed, "t", "a", NOW),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        code, said = command(cohort, "postgresql://127.0.0.1:1/nothing", "verify", str(tmp_path / name))
        assert code == 0, said
        assert "Proof 1 of 2 (RsaSignature2018, did:india) does not count. The proof is of a kind" in said
        assert "Proof 2 of 2 (eddsa-jcs-2022, did:web:" in said
        assert "Valid: the signature is the issuer's" in said
