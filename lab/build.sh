#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs in a room (room.sh) and installs one mail server by its recipe /lab/image.sh.
#
# The packages' own scripts run, so users, groups and queues are made as on a real machine; policy-rc.d forbids
# them to start a daemon here.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
# sendmail's own scripts wait a minute for a full host name where the machine has none. The room is its own.
hostname build.lab.test
echo '127.0.1.1 build.lab.test build' >> /etc/hosts

apt_install() {
    apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io \
        -o Dpkg::Options::=--force-confnew -o Dpkg::Use-Pty=0 install "$@"
}
# Package lists may be missing or old on this machine: they are fetched only when the first try fails.
# A source that can't be reached may be one that we don't need, so that failure alone is no failure.
install_packages() {
    apt_install "$@" && return
    apt-get -q update || true
    apt_install "$@"
}
# ssl-cert makes a self-signed certificate for this image, so that STARTTLS can be offered.
install_packages ssl-cert
[ -f /etc/ssl/certs/ssl-cert-snakeoil.pem ] || make-ssl-cert generate-default-snakeoil
[ -x /usr/bin/python3 ] || install_packages python3-minimal
. /lab/image.sh
# A user of the house for the tests that need one.
id info > /dev/null 2>&1 || useradd --create-home --shell /usr/sbin/nologin info
apt-get -q clean
rm -rf /var/cache/apt/*.bin /var/cache/man/* /lab /usr/sbin/policy-rc.d
