# SPDX-License-Identifier: Apache-2.0
"""Our own certificate and key: whatever is wrong with them is said in plain words."""

from __future__ import annotations

import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from fumidai.errors import UsageError
from fumidai.net.serving_keys import load_keys

NOW = time.time()


def write(folder: Path, cert: trustme.LeafCert) -> tuple[Path, Path]:
    certificate, key = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in cert.cert_chain_pems))
    key.write_bytes(cert.private_key_pem.bytes())
    key.chmod(0o600)
    return certificate, key


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def test_a_sound_pair_in_two_files_or_in_one(authority: trustme.CA, tmp_path: Path) -> None:
    certificate, key = write(tmp_path, authority.issue_cert("gate.a.test"))
    keys = load_keys(certificate, key, now=NOW)
    assert keys.names == ("gate.a.test",)
    assert keys.doubts == ()
    assert keys.until is not None
    assert keys.until > NOW
    both = tmp_path / "both.pem"
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    both.chmod(0o640)
    assert load_keys(both, both, now=NOW).doubts == ()


def test_what_should_not_stay_so_is_a_doubt(authority: trustme.CA, tmp_path: Path) -> None:
    end = datetime.now(UTC) - timedelta(days=1)
    certificate, key = write(tmp_path, authority.issue_cert("gate.a.test", not_after=end))
    key.chmod(0o644)
    keys = load_keys(certificate, key, now=NOW)
    assert keys.until == pytest.approx(end.timestamp(), abs=1)
    assert [doubt.message.split(" {")[0] for doubt in keys.doubts] == [
        "The certificate in",
        "Everybody may read the private key in",
    ]
    early = load_keys(certificate, key, now=0.0)
    assert "not valid yet" in early.doubts[0].message


def test_what_is_wrong_is_named(authority: trustme.CA, tmp_path: Path) -> None:
    certificate, key = write(tmp_path, authority.issue_cert("gate.a.test"))
    other = tmp_path / "other.pem"
    other.write_bytes(authority.issue_cert("other.a.test").private_key_pem.bytes())
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        subprocess.run(
            ["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:x"], check=True, capture_output=True
        ).stdout
    )
    torn = tmp_path / "torn.pem"
    torn.write_bytes(certificate.read_bytes()[:-200])
    empty = tmp_path / "empty.pem"
    empty.write_bytes(b"")
    cases = [
        (tmp_path / "nowhere.pem", key, "nowhere.pem can't be read: No such file or directory"),
        (tmp_path, key, "can't be read: Is a directory"),
        (certificate, tmp_path / "nowhere.pem", "nowhere.pem can't be read: No such file or directory"),
        (empty, key, "empty.pem holds no certificate"),
        (key, key, "key.pem holds no certificate"),
        (certificate, certificate, "cert.pem holds no private key"),
        (certificate, other, "other.pem does not belong to the certificate in"),
        (certificate, locked, "locked.pem is locked with a passphrase"),
        (torn, key, "torn.pem"),
    ]
    for one, two, words in cases:
        with pytest.raises(UsageError) as caught:
            load_keys(one, two, now=NOW)
        assert words in str(caught.value)
        assert "PRIVATE" not in str(caught.value)
