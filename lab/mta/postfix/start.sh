# SPDX-License-Identifier: Apache-2.0
# Debian's master.cf with the server's main.cf; a file master.cf.more is added to it, a before.sh runs first.
. /lab/begin.sh
cd /lab/config
for file in *; do
    case $file in
        server.toml | policy.toml | before.sh | master.cf.more) ;;
        *) cp "$file" /etc/postfix/ ;;
    esac
done
[ ! -f master.cf.more ] || cat master.cf.more >> /etc/postfix/master.cf
[ ! -f before.sh ] || . ./before.sh
printf 'postmaster: root\nroot: info\nabuse: root\n' > /etc/aliases
newaliases
/usr/lib/postfix/configure-instance.sh - || true
exec postfix start
