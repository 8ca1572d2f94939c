# SPDX-License-Identifier: Apache-2.0
# Sourced by every start.sh: the server's facts, and files of /etc that every room has.
. /lab/facts.sh
printf 'nameserver %s\noptions timeout:2 attempts:2\n' "$dns" > /etc/resolv.conf
printf '127.0.0.1 localhost\n::1 localhost\n%s %s\n%s %s\n' "$v4" "$hostname" "$v6" "$hostname" > /etc/hosts
echo "$hostname" > /etc/mailname
