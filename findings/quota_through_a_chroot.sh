#!/usr/bin/env bash
# ZooKeeper 3.9.5, server and zkCli. setquota through a connection string with a chroot succeeds, and listquota shows the
# limit; but both work below the chroot (/app/zookeeper/quota/…), where the server never looks: the limit counts nothing
# and, with enforceQuota=true, is not enforced. The same limit set without the chroot is. One would expect an error, or the server's path.
. "$(dirname "$0")/zookeeper.inc"
install_zookeeper
start_server enforceQuota=true
cli "" create /app > /dev/null
cli /app create /data > /dev/null
expect "setquota -N 2 /data through /app" "exit 0" "$(cli /app setquota -N 2 /data | tail -1)"
for n in 1 2 3; do last=$(cli /app create /data/$n | head -1); done
expect "the third node below /data" "Created /data/3" "$last"
expect "the limit as listquota through /app shows it" "countHardLimit=2" "$(cli /app listquota /data | grep -o 'countHardLimit=[0-9]*' | head -1)"
expect "where it stands" "[data]" "$(cli "" ls /app/zookeeper/quota | head -1)"
expect "what the server knows of" "quota for /app/data does not exist." "$(cli "" listquota /app/data | grep quota.for)"
cli "" setquota -N 4 /app/data > /dev/null
expect "a node more, with the limit set without the chroot" "Quota has exceeded : /app/data/4" "$(cli "" create /app/data/4 | head -1)"
exit $failed
