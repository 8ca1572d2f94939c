# SPDX-License-Identifier: Apache-2.0
# OpenSMTPD with the server's smtpd.conf.
. /lab/begin.sh
cp /lab/config/smtpd.conf /etc/smtpd.conf
printf 'postmaster: root\nroot: info\nabuse: root\n' > /etc/aliases
exec smtpd -F
