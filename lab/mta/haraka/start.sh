# SPDX-License-Identifier: Apache-2.0
# Haraka over the server's folder of config/ and plugins/.
. /lab/begin.sh
# Haraka writes a folder of its defaults, which the server's files then replace.
/opt/haraka/node_modules/.bin/haraka -i /srv/haraka > /dev/null
cp -R /lab/config/. /srv/haraka/
echo "$hostname" > /srv/haraka/config/me
exec /opt/haraka/node_modules/.bin/haraka -c /srv/haraka
