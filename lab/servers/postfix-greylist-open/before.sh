# postgrey as Debian packages it, with a delay that a test can wait for.
mkdir -p /run/postgrey /var/lib/postgrey
chown postgrey:postgrey /run/postgrey /var/lib/postgrey
postgrey --daemonize --inet=127.0.0.1:10023 --delay=5 --greylist-text='Greylisted, try again in %s seconds'
