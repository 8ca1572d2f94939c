# SPDX-License-Identifier: Apache-2.0
# The server's sendmail.mc becomes its sendmail.cf as on any machine: by m4. Tables are made into maps.
. /lab/begin.sh
cd /lab/config
mkdir -p /etc/mail /var/spool/mqueue /run/sendmail/mta
# It opens one socket for each family, which only works when an IPv6 socket is no IPv4 one as well.
echo 1 > /proc/sys/net/ipv6/bindv6only
m4 sendmail.mc > /etc/mail/sendmail.cf
printf '%s\n' "$domain" > /etc/mail/local-host-names
printf 'postmaster: root\nroot: info\nabuse: root\n' > /etc/mail/aliases
[ ! -f local-host-names ] || cp local-host-names /etc/mail/
[ ! -f relay-domains ] || cp relay-domains /etc/mail/
[ ! -f access ] || makemap hash /etc/mail/access < access
[ ! -f mailertable ] || makemap hash /etc/mail/mailertable < mailertable
sendmail -bi
# A second sendmail behind the first, where a server brings one.
if [ -f inner.mc ]; then
    m4 inner.mc > /etc/mail/inner.cf
    mkdir -p /var/spool/mqueue-inner
    /usr/sbin/sendmail -C /etc/mail/inner.cf -bd -q5s
fi
exec /usr/sbin/sendmail -bd -q5s
