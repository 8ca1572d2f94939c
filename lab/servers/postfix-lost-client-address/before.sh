# What Docker does with an IPv6 port when the container has IPv4 only: docker-proxy takes the connection and makes a
# new one from the bridge's address. The IPv4 port is reached directly, as destination NAT would leave it.
ip link add docker0 type bridge
ip link set docker0 up
ip addr add 172.18.0.1/16 dev docker0
ip addr add 172.18.0.2/16 dev docker0
python3 /lab/proxy.py "[$v6]:25" 172.18.0.2:25 172.18.0.1 > /dev/null 2>&1 &
