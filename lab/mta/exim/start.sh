# SPDX-License-Identifier: Apache-2.0
# Debian's exim4 reads /etc/exim4/exim4.conf instead of its generated configuration where that file exists.
. /lab/begin.sh
cp /lab/config/exim4.conf /etc/exim4/exim4.conf
printf 'postmaster: root\nroot: info\nabuse: root\n' > /etc/aliases
mkdir -p /run/exim4
chown Debian-exim: /run/exim4
exec exim4 -bd -q5s
