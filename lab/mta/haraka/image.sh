# SPDX-License-Identifier: Apache-2.0
# Haraka from npm, with only the plugins that the servers of the lab name.
# The newest one wants Node.js 20; Debian 12's own is 18, for which the last fitting Haraka is taken.
command -v npm > /dev/null || install_packages nodejs npm
case $(node --version) in
    v1[0-9].*) haraka=Haraka@3.0.5 relay=haraka-plugin-relay@1.0.0 ;;
    *) haraka=Haraka@3.3.4 relay=haraka-plugin-relay@1.0.2 ;;
esac
mkdir -p /opt/haraka
cd /opt/haraka
npm install --omit=optional --ignore-scripts --no-fund --no-audit --no-package-lock "$haraka" "$relay"
