"""Keys from one secret: each for one use, the same every time."""

from core.secrets import derive, keyring

ONE, OTHER = bytes(range(32)), bytes(32)


def test_each_use_and_each_secret_has_a_key_of_its_own() -> None:
    assert len({derive(secret, use) for secret in (ONE, OTHER) for use in ("a", "b", "")}) == 6
    assert derive(ONE, "a") == derive(ONE, "a")


def test_a_numbers_hash_is_stable_and_tells_nothing_without_the_secret() -> None:
    hashes = {keyring(ONE).number_hash(number) for number in range(46701740605, 46701740700)}
    assert len(hashes) == 95
    assert keyring(ONE).number_hash(46701740605) in hashes
    assert keyring(OTHER).number_hash(46701740605) not in hashes
    assert all(len(found) == 32 for found in hashes)


def test_the_fingerprint_names_the_secret_and_is_not_one_of_its_keys() -> None:
    assert keyring(ONE).fingerprint == keyring(ONE).fingerprint != keyring(OTHER).fingerprint
    assert keyring(ONE).fingerprint not in derive(ONE, "fingerprint").hex()
