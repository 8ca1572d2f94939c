# SPDX-License-Identifier: Apache-2.0
"""The password file: what may stand in it, and that nothing of it is ever shown."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fumidai.errors import PolicyError, UsageError
from fumidai.guard import password as hashes
from fumidai.guard.password import Argon2Hash, HashProblem, ScryptHash, new_hash, read_hash
from fumidai.guard.users import load_users, users_of
from tests.guard.secured import PASSWORD, cheap

#: Of the argon2 command (phc-winner-argon2 20190702): echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1
ARGON2 = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"


def test_a_new_hash_fits_its_password_and_no_other() -> None:
    text = new_hash(PASSWORD, b"sixteen octets..")
    known = read_hash(text)
    assert isinstance(known, ScryptHash)
    assert known.fits(PASSWORD)
    assert not known.fits(PASSWORD + b" ")
    assert text != new_hash(PASSWORD, b"sixteen octets,.")


def test_scrypt_is_the_one_of_the_standard() -> None:
    """RFC 7914 §12, with the password "pleaseletmein"; and what passlib prints for "password"."""
    hashed = "cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw"
    assert read_hash(f"$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU${hashed}").fits(b"pleaseletmein")


def test_argon2id_is_the_one_of_the_reference() -> None:
    known = read_hash(ARGON2)
    assert isinstance(known, Argon2Hash)
    assert known.fits(b"password")
    assert not known.fits(b"Password")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sesame",
        "$6$salt$hash",
        "$2b$12$" + "a" * 53,
        "{PLAIN}sesame",
        cheap(b"x") + "=",
        cheap(b"x") + "\n",
        cheap(b"x")[:-40],
        cheap(b"x").replace("ln=4", "ln=0"),
        cheap(b"x").replace("ln=4", "ln=25"),
        cheap(b"x").replace("ln=4,r=1", "ln=20,r=8"),
        cheap(b"x").replace("p=1", "p=0"),
        cheap(b"x").replace("p=1", "p=65"),
        ARGON2.replace("argon2id", "argon2i"),
        ARGON2.replace("v=19", "v=16"),
        ARGON2.replace("m=65536", "m=4000000"),
        ARGON2.replace("m=65536", "m=7"),
        ARGON2.replace("t=2", "t=0"),
        ARGON2.replace("p=1", "p=0"),
        ARGON2.replace("p=1", "p=17"),
        ARGON2[:-2],
    ],
)
def test_what_is_no_hash_or_would_cost_too_much_is_refused(text: str) -> None:
    with pytest.raises(HashProblem):
        read_hash(text)


def test_without_the_library_an_argon2_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashes, "argon2_is_there", lambda: False)
    with pytest.raises(HashProblem, match="cryptography") as caught:
        read_hash(ARGON2)
    assert "fumidai[argon2]" in caught.value.mend


def test_the_hash_is_in_no_representation(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_text(f"taro:{cheap(PASSWORD)}\njiro:{ARGON2}\n")
    shown = repr(load_users(file)) + repr(read_hash(cheap(PASSWORD))) + repr(read_hash(ARGON2))
    for text in (cheap(PASSWORD), ARGON2):
        assert text.rpartition("$")[2] not in shown


def test_names_and_passwords_belong_together(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_bytes(
        b"# people\r\n\r\n  taro:%b  \r\njiro@a.test:%b\n" % (cheap(PASSWORD).encode(), cheap(b"other").encode())
    )
    file.chmod(0o640)
    users = load_users(file)
    assert not users.exposed
    assert users.fit("taro", PASSWORD)
    assert users.fit("jiro@a.test", b"other")
    assert not users.fit("taro", b"other")
    assert not users.fit("", PASSWORD)
    assert not users.fit("# people", PASSWORD)
    file.chmod(0o644)
    assert load_users(file).exposed


def test_an_unknown_name_costs_as_much_as_a_known_one_and_is_never_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with a password that some user has: what it is compared with must not let it in."""
    counted = []
    real = hashlib.scrypt

    def counting(*given, **named):
        counted.append(named["n"])
        return real(*given, **named)

    monkeypatch.setattr(hashlib, "scrypt", counting)
    users = users_of({"taro": read_hash(cheap(PASSWORD)), "jiro": read_hash(cheap(PASSWORD).replace("r=1", "r=2"))})
    assert not any(users.fit(f"nobody{number}", PASSWORD) for number in range(20))
    assert counted == [16] * 20
    nobody = users_of({})
    counted.clear()
    assert not nobody.fit("taro", b"")
    assert counted == [2**14], "also where there is nobody"


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("taro", 3),
        ("taro:", 3),
        (":" + cheap(b"hidden"), 3),
        ("ta\x1bro:" + cheap(b"hidden"), 3),
        ("taro:hidden", 3),
        ("taro:{PLAIN}hidden", 3),
        ("taro: " + cheap(b"hidden"), 3),
        ("\xff\xfe", 3),
        ("jiro:" + cheap(b"hidden"), 3),
    ],
)
def test_a_line_that_can_not_be_meant_is_named_by_its_number_only(line: str, count: int, tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_text(f"# people\njiro:{cheap(b'other')}\n{line}\n", "latin-1")
    with pytest.raises(PolicyError) as caught:
        load_users(file)
    assert caught.value.place == f"{file}:{count}"
    shown = f"{caught.value} {caught.value.mend} {caught.value.params}"
    assert "hidden" not in shown
    assert "$scrypt" not in shown


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_users(tmp_path / "users")
