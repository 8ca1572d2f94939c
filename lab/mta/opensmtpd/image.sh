# SPDX-License-Identifier: Apache-2.0
# Debian's OpenSMTPD.
debconf-set-selections <<'DEBCONF'
opensmtpd opensmtpd/mailname string mail.lab.test
opensmtpd opensmtpd/root_address string
DEBCONF
install_packages opensmtpd
