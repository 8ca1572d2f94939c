# Debian's master.cf has the postscreen services ready as comments.
postconf -M -# smtp/inet
postconf -M smtp/inet="smtp inet n - y - 1 postscreen" smtpd/pass="smtpd pass - - y - - smtpd" \
    dnsblog/unix="dnsblog unix - - y - 0 dnsblog" tlsproxy/unix="tlsproxy unix - - y - 0 tlsproxy"
