# SPDX-License-Identifier: Apache-2.0
# Debian's Exim with everything compiled in; each server brings one whole exim4.conf.
install_packages exim4-daemon-heavy
# The key of ssl-cert's certificate is its group's to read.
adduser --quiet Debian-exim ssl-cert
