# SPDX-License-Identifier: Apache-2.0
# Haraka over the server's folder of config/ and plugins/.
. /lab/begin.sh
mkdir -p /srv/haraka
cp -R /lab/config/. /srv/haraka/
echo "$hostname" > /srv/haraka/config/me
exec /opt/haraka/node_modules/.bin/haraka -c /srv/haraka
