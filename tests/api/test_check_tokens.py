"""A check may be asked for a token, by which a dialer sees offline that this one call may be made, and for how long."""

import base64
import importlib.util
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.jwk import KeySet

from dnc.tokens import TYPE, public_jwk
from tests.api.calling import Json, Ringklar, answered
from tests.seeding import CAMPAIGN, FROM_LIST, FROM_PARTNER, OPTED_OUT, SELLER

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_token.py"


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_token", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


VERIFY = _script()


def _asked(ringklar: Ringklar, number: str = FROM_PARTNER) -> Json:
    return answered(ringklar.post("/v1/checks", {"number": number, "campaign": CAMPAIGN, "token": True}), 201)


def _keys(ringklar: Ringklar) -> Json:
    return answered(ringklar.client.get("/v1/keys"), 200)


def _seconds(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()


def _encoded(document: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def _signed(key: Ed25519PrivateKey, head: Json, claims: Json) -> str:
    signed = f"{_encoded(head)}.{_encoded(claims)}"
    return f"{signed}.{base64.urlsafe_b64encode(key.sign(signed.encode())).rstrip(b'=').decode()}"


def _claims(token: str) -> Json:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")  # the name that most libraries know
def test_another_implementation_reads_the_token_as_what_the_check_said(ringklar: Ringklar) -> None:
    check = _asked(ringklar)

    read = jwt.decode(check["token"], KeySet.import_key_set(_keys(ringklar)), algorithms=["EdDSA"])

    assert read.header["typ"] == TYPE
    assert read.claims == {
        "iss": "ringklar",
        "jti": check["id"],
        "iat": int(_seconds(check["checked_at"])),
        "exp": int(_seconds(check["valid_until"])),
        "sub": FROM_PARTNER,
        "campaign": CAMPAIGN,
        "seller": SELLER,
        "policy": check["policy"],
    }


def test_the_script_for_dialers_takes_the_token_until_the_answer_ends(shared: Ringklar) -> None:
    check, keys = _asked(shared), _keys(shared)
    asked = {"number": FROM_PARTNER, "campaign": CAMPAIGN}
    start, end = _seconds(check["checked_at"]), int(_seconds(check["valid_until"]))

    assert VERIFY.refusal(check["token"], keys, **asked, now=start) is None
    assert VERIFY.refusal(check["token"], keys, **asked, now=end - 0.001) is None
    assert VERIFY.refusal(check["token"], keys, **asked, now=end) == "not valid now"
    assert VERIFY.refusal(check["token"], keys, **asked, now=start - 3600) == "not valid now"


@pytest.mark.parametrize(("number", "campaign"), [(FROM_LIST, CAMPAIGN), (FROM_PARTNER, "sommarel"), ("", CAMPAIGN)])
def test_the_script_refuses_a_token_of_another_number_or_campaign(shared: Ringklar, number: str, campaign: str) -> None:
    check = _asked(shared)
    now = _seconds(check["checked_at"])

    why = VERIFY.refusal(check["token"], _keys(shared), number=number, campaign=campaign, now=now)

    assert why == "for another number or another campaign"


def test_the_script_refuses_whatever_was_not_signed_by_this_installation(shared: Ringklar) -> None:
    check, keys = _asked(shared), _keys(shared)
    head_part, claims_part, signature = check["token"].split(".")
    claims, kid = _claims(check["token"]), keys["keys"][0]["kid"]
    head = {"alg": "EdDSA", "kid": kid, "typ": TYPE}
    own, other = shared.service.keyring.token_key, Ed25519PrivateKey.generate()
    for forged in (
        f"{_encoded({'alg': 'none', 'typ': TYPE})}.{claims_part}.",
        f"{_encoded({**head, 'alg': 'none'})}.{claims_part}.",
        f"{head_part}.{claims_part}.",
        f"{head_part}.{_encoded({**claims, 'exp': claims['exp'] + 3600})}.{signature}",
        f"{head_part}.{claims_part}.{signature}=",
        f"{head_part}.{claims_part}.{signature}.",
        _signed(other, head, claims),
        _signed(other, {**head, "kid": public_jwk(other)["kid"]}, claims),
        _signed(own, {**head, "alg": "HS256"}, claims),
        _signed(own, {**head, "typ": "JWT"}, claims),
        _signed(own, {**head, "jwk": public_jwk(other)}, claims),
        _signed(own, {**head, "crit": ["exp"]}, claims),
        _signed(own, head, {**claims, "iss": "somebody"}),
        _signed(own, head, {name: claims[name] for name in claims if name != "exp"}),
        _signed(own, head, {**claims, "exp": "soon"}),
        _signed(own, head, {**claims, "exp": 10**400}),
        _signed(own, head, [claims]),
        _signed(shared.service.keyring.ledger_key, head, claims),
        "",
        "..",
        "å.å.å",
        f"{base64.b64encode(b'[' * 99_999).decode()}.{claims_part}.{signature}",
    ):
        now = _seconds(check["checked_at"])
        assert VERIFY.refusal(forged, keys, number=FROM_PARTNER, campaign=CAMPAIGN, now=now) is not None, forged


def test_no_single_sign_of_a_token_can_be_changed(shared: Ringklar) -> None:
    check, keys = _asked(shared), _keys(shared)
    token, now = check["token"], _seconds(check["checked_at"])

    for place, sign in enumerate(token):
        changed = f"{token[:place]}{'A' if sign != 'A' else 'B'}{token[place + 1 :]}"
        assert VERIFY.refusal(changed, keys, number=FROM_PARTNER, campaign=CAMPAIGN, now=now) is not None, place


def test_only_an_answer_that_allows_a_call_has_a_token_and_only_if_asked(ringklar: Ringklar) -> None:
    numbers = [FROM_LIST, OPTED_OUT, "ring mig", FROM_PARTNER]
    body = {"numbers": numbers, "campaign": CAMPAIGN}

    asked = answered(ringklar.post("/v1/checks/batch", {**body, "token": True}), 201)["results"]

    assert [check["token"] is not None for check in asked] == [check["may_call"] for check in asked]
    assert [check["may_call"] for check in asked] == [True, False, False, True]
    assert [_claims(check["token"])["jti"] for check in asked if check["token"]] == [asked[0]["id"], asked[3]["id"]]
    assert _asked(ringklar, OPTED_OUT)["token"] is None
    unasked = answered(ringklar.post("/v1/checks/batch", body), 201)["results"]
    assert all("token" not in check for check in [*unasked, ringklar.check(FROM_PARTNER)])


def test_a_token_is_not_kept_with_the_check(shared: Ringklar) -> None:
    check = _asked(shared)

    kept = answered(shared.get(f"/v1/checks/{check['id']}"), 200)

    assert kept == {name: check[name] for name in check if name != "token"}


def test_the_published_keys_hold_nothing_private_and_need_no_key_to_read(shared: Ringklar) -> None:
    [key] = _keys(shared)["keys"]

    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}
    assert key == public_jwk(shared.service.keyring.token_key)
    assert key["x"] != public_jwk(shared.service.keyring.ledger_key)["x"]


@pytest.mark.parametrize("late", [False, True])
def test_the_script_as_a_command_says_whether_to_call(
    shared: Ringklar,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    late: bool,
) -> None:
    check = _asked(shared)
    (tmp_path / "keys.json").write_text(json.dumps(_keys(shared)), "utf-8")
    at = datetime.fromisoformat(check["checked_at"]) + timedelta(hours=late)
    monkeypatch.setattr(VERIFY.time, "time", lambda: at.astimezone(UTC).timestamp())
    told = ["verify_token.py", check["token"], "--keys", str(tmp_path / "keys.json")]
    monkeypatch.setattr(sys, "argv", [*told, "--number", FROM_PARTNER, "--campaign", CAMPAIGN])

    assert VERIFY.main() == int(late)
    assert capsys.readouterr().out == ("must not be called: not valid now\n" if late else "may be called\n")


@pytest.mark.parametrize("keys", [None, b"", b"\xff", b"[" * 99_999])
def test_the_script_as_a_command_says_that_there_are_no_keys_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], keys: bytes | None
) -> None:
    if keys is not None:
        (tmp_path / "keys.json").write_bytes(keys)
    told = ["verify_token.py", "a.b.c", "--keys", str(tmp_path / "keys.json")]
    monkeypatch.setattr(sys, "argv", [*told, "--number", FROM_PARTNER, "--campaign", CAMPAIGN])

    assert VERIFY.main() == 1
    assert capsys.readouterr().out == "must not be called: the keys cannot be read\n"
