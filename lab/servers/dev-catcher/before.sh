# A developer's mail catcher: Postfix's own smtp-sink, which says 250 to everything and keeps nothing.
smtp-sink -u postfix -h dev-catcher.lab.test "inet:$v4:25" 100 > /dev/null 2>&1 &
smtp-sink -u postfix -h dev-catcher.lab.test "inet:[$v6]:25" 100 > /dev/null 2>&1 &
