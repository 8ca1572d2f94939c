# SPDX-License-Identifier: Apache-2.0
# Haraka over the server's folder of config/ and plugins/.
. /lab/begin.sh
# It opens one socket for each family, which only works when an IPv6 socket is no IPv4 one as well.
echo 1 > /proc/sys/net/ipv6/bindv6only
mkdir -p /srv/haraka
cp -R /lab/config/. /srv/haraka/
echo "$hostname" > /srv/haraka/config/me
exec /opt/haraka/node_modules/.bin/haraka -c /srv/haraka
