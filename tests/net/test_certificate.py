# SPDX-License-Identifier: Apache-2.0
"""Names are read from real certificates; nothing that is none breaks the reader."""

from __future__ import annotations

import ssl

import trustme
from hypothesis import example, given
from hypothesis import strategies as st

from fumidai.net.certificate import certificate_names


def der_of(*names: str, common_name: str | None = None) -> bytes:
    cert = trustme.CA().issue_cert(*names, common_name=common_name)
    return ssl.PEM_cert_to_DER_cert(cert.cert_chain_pems[0].bytes().decode())


GOOD = der_of("mail.a.test", "*.b.test", common_name="c.test")


def test_names_of_a_certificate():
    assert certificate_names(GOOD) == ("mail.a.test", "*.b.test", "c.test")
    assert certificate_names(der_of("mail.a.test", common_name="mail.a.test")) == ("mail.a.test",)
    assert len(certificate_names(der_of(*(f"h{n}.test" for n in range(150))))) == 100


@given(st.binary(max_size=200))
@example(b"")
@example(b"\x30\x80")
@example(b"\x30\xff" + b"\xff" * 127)
def test_noise_has_no_names(noise):
    assert isinstance(certificate_names(noise), tuple)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_a_damaged_certificate_breaks_nothing(place, byte):
    damaged = GOOD[:place] + bytes([byte]) + GOOD[place + 1 :]
    assert all(isinstance(name, str) for name in certificate_names(damaged))
    certificate_names(GOOD[:place])
