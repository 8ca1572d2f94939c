# SPDX-License-Identifier: Apache-2.0
# Debian's Exim with everything compiled in; each server brings one whole exim4.conf.
install_packages exim4-daemon-heavy
