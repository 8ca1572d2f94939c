# SPDX-License-Identifier: Apache-2.0
# Debian's sendmail with the m4 sources that each server's sendmail.mc is compiled from.
install_packages sendmail-bin sendmail-cf m4
