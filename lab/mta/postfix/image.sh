# SPDX-License-Identifier: Apache-2.0
# Debian's Postfix as an "Internet Site", and postgrey for the servers behind greylisting.
debconf-set-selections <<'DEBCONF'
postfix postfix/main_mailer_type string Internet Site
postfix postfix/mailname string mail.lab.test
DEBCONF
install_packages postfix postgrey
