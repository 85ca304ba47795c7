"""The credential: signed as the standard says, and no byte of it can be changed."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from lernbatch.credential import keys, open_badge, proof, status_list, strict_json, vc_jwt
from lernbatch.credential.keys import IssuerKey, KeySet
from lernbatch.credential.open_badge import Award
from lernbatch.credential.strict_json import Unverifiable
from tests.credential import verifier

NOW = datetime(2026, 7, 1, 10, tzinfo=UTC)
AWARD = Award(
    identifier="https://lern.example/certs/1",
    name="Merit “A”",
    issuer_name="State Board",
    issuer_url="https://board.example",
    recipient_id="u1",
    recipient_name="आशा கௌரி عاشہ \U0001f600 \x7f",
    achievement_id="urn:lernbatch:b1:5f0c",
    achievement_code="do_1",
    description="Early mathematics\n",
    narrative="Completed the course.",
    earned_at=NOW,
    earned_on=date(2026, 7, 1),
    expires_at=None,
    percent=82.5,
    status_list_url="https://lern.example/certs/status",
    status_list=0,
    status_index=7,
)
# The example of the W3C text, §B.4: its key, its document, and the signature that must come out.
W3C_KEY = "z3u2en7t5LR2WtQH5PfFqMqwVHBeXouLzo6haApm8XHqvjxq"
W3C_DID = "did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"
W3C_SIGNATURE = "z5EhYRJkfPLkoT92FPXN8KK6M9rsBhq3xs19GBSsA6VdNYH4QMKSyNuA2Gfznz9QthVD7Rz3HTAfqxxay23htUpTg"
W3C_DOCUMENT = {
    "@context": ["https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/examples/v2"],
    "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
    "type": ["VerifiableCredential", "AlumniCredential"],
    "name": "Alumni Credential",
    "description": "A minimum viable example of an Alumni Credential.",
    "issuer": W3C_DID,
    "validFrom": "2023-01-01T00:00:00Z",
    "credentialSubject": {"id": "did:example:abcdefgh", "alumniOf": "The School of Examples"},
}


@pytest.fixture(scope="module")
def signed(issuer_keys: KeySet) -> dict[str, Any]:
    return proof.sign(open_badge.build(AWARD, issuer_keys.did), issuer_keys, NOW)


def test_the_example_of_the_standard_comes_out_to_the_byte() -> None:
    private = Ed25519PrivateKey.from_private_bytes(keys.read_multibase(W3C_KEY)[2:])
    issuer_keys = KeySet(W3C_DID, (IssuerKey(private.public_key(), private),))
    made = proof.sign(W3C_DOCUMENT, issuer_keys, datetime(2023, 2, 24, 23, 36, 38, tzinfo=UTC))
    assert made["proof"]["proofValue"] == W3C_SIGNATURE
    assert proof.verify(json.dumps(made).encode(), issuer_keys.keys).trusted


def test_ours_verify_with_our_key_and_with_anothers_code(issuer_keys: KeySet, signed: dict[str, Any]) -> None:
    file = rfc8785.dumps(signed)
    assert proof.verify(file, issuer_keys.keys).trusted
    assert verifier.proof_holds(file, issuer_keys.document)
    token = vc_jwt.jwt(signed, issuer_keys)
    assert proof.verify(token.encode(), issuer_keys.keys).trusted
    assert verifier.jwt_holds(token, issuer_keys.jwks)


def test_the_token_is_its_canonical_parts_and_their_signature(issuer_keys: KeySet, signed: dict[str, Any]) -> None:
    token = vc_jwt.jwt(signed, issuer_keys)
    encoded, signature = token.rpartition(".")[::2]
    header, payload = (urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in encoded.split("."))
    assert (header, payload) == (rfc8785.dumps(json.loads(header)), rfc8785.dumps(json.loads(payload)))
    assert json.loads(header) == {
        "alg": "EdDSA",
        "cty": "vc",
        "kid": issuer_keys.method(issuer_keys.signing),
        "typ": "vc+jwt",
    }
    expected = urlsafe_b64encode(issuer_keys.signing.sign(encoded.encode())).rstrip(b"=").decode()
    assert signature == expected


def test_a_change_of_any_byte_is_noticed_by_both(issuer_keys: KeySet, signed: dict[str, Any]) -> None:
    file = bytearray(rfc8785.dumps(signed))
    begin = file.index(b'"proof":{"@context":[') + len(b'"proof":{"@context":[')
    repeated = range(begin, file.index(b"]", begin))  # the other takes the proof's contexts from the document
    for place in range(len(file)):
        file[place] ^= 1
        with pytest.raises(Unverifiable):
            proof.verify(bytes(file), issuer_keys.keys)
        assert place in repeated or not verifier.proof_holds(bytes(file), issuer_keys.document)
        file[place] ^= 1


def test_a_change_of_any_character_of_the_jwt_is_noticed(issuer_keys: KeySet, signed: dict[str, Any]) -> None:
    token = vc_jwt.jwt(signed, issuer_keys)
    for place in range(0, len(token), 7):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises(Unverifiable):
            proof.verify(changed.encode(), issuer_keys.keys)
        assert not verifier.jwt_holds(changed, issuer_keys.jwks)
    with pytest.raises(Unverifiable):  # stray bits behind the signature
        proof.verify((token[:-1] + chr(ord(token[-1]) + 1)).encode(), issuer_keys.keys)


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": {"id": "did:web:evil.example"}},
        {"proof": None},
        {"proof": {"type": "DataIntegrityProof"}},
        {"@context": ["https://evil.example"]},
    ],
)
def test_what_does_not_fit_together_is_refused(
    issuer_keys: KeySet, signed: dict[str, Any], change: dict[str, Any]
) -> None:
    with pytest.raises(Unverifiable):
        proof.verify(json.dumps({**signed, **change}).encode(), issuer_keys.keys)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"a.b.c", b'{"a":1,"a":2}', b"x" * 300_000])
def test_what_is_no_credential_is_refused_in_a_sentence(data: bytes) -> None:
    with pytest.raises(Unverifiable, match=r"\.$"):
        proof.verify(data, [])


def test_a_stranger_may_sign_but_is_not_trusted(issuer_keys: KeySet, tmp_path: Path) -> None:
    stranger = keys.open_key_set(tmp_path, "https://lern.example")
    file = rfc8785.dumps(proof.sign(open_badge.build(AWARD, stranger.did), stranger, NOW))
    assert not proof.verify(file, issuer_keys.keys).trusted
    assert not verifier.proof_holds(file, issuer_keys.document)


def test_there_is_no_number_in_it_that_readers_could_spell_differently(signed: dict[str, Any]) -> None:
    assert signed["credentialSubject"]["result"][0]["value"] == "82.5"
    assert signed["validFrom"] == signed["awardedDate"] == "2026-07-01T10:00:00Z"
    numbers = [part for part in _leaves(signed) if isinstance(part, int | float)]
    assert all(isinstance(number, bool) for number in numbers)
    assert [entry["statusPurpose"] for entry in signed["credentialStatus"]] == ["revocation", "suspension"]


def test_an_expiry_is_in_both_forms(issuer_keys: KeySet) -> None:
    award = replace(AWARD, expires_at=NOW + timedelta(days=365))
    made = proof.sign(open_badge.build(award, issuer_keys.did), issuer_keys, NOW)
    assert made["validUntil"] == "2027-07-01T10:00:00Z"
    assert verifier.jwt_holds(vc_jwt.jwt(made, issuer_keys), issuer_keys.jwks)


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in _leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in _leaves(inner)]
    return [value]


names = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=8)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
)


@given(st.dictionaries(names, documents, max_size=5))
def test_our_quick_bytes_are_those_of_the_standard(document: dict[str, Any]) -> None:
    assert strict_json.canonical(document) == rfc8785.dumps(document)


@given(st.binary(max_size=40))
def test_multibase_comes_back(data: bytes) -> None:
    assert keys.read_multibase(keys.multibase(data)) == data


def test_a_status_list_tells_its_bits_and_no_others() -> None:
    made = status_list.build(
        "https://lern.example/certs/status/revocation/0", "did:web:x", "revocation", [0, 9, 131_071], NOW
    )
    assert [place for place in (0, 1, 8, 9, 10, 131_070, 131_071) if status_list.is_set(made, place)] == [0, 9, 131_071]
    with pytest.raises(Unverifiable):
        status_list.is_set(made, status_list.LIST_SIZE)


def test_a_key_has_one_name_in_every_form(issuer_keys: KeySet) -> None:
    key = issuer_keys.signing
    assert keys.key_of_name(key.name).name == key.name
    assert keys.key_of_jwk(key.jwk).name == key.name
