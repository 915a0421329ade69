#!/usr/bin/env bash
# ZooKeeper 3.9.5, containers. The leader notes every empty container in one look and then removes them one after the other,
# with a pause between two (znode.container.maxPerMinute). A container that a client deletes and makes anew in that pause, which has
# never had a child, is removed with its data: the removal names a path, and only asks whether some container without children
# is there. One would expect it to be judged again, or to be told by its czxid; documentation says that a new container
# stays until it has had a child.
. "$(dirname "$0")/zookeeper.inc"
install_zookeeper
JAVA_TOOL_OPTIONS="-Dznode.container.checkIntervalMs=4000 -Dznode.container.maxPerMinute=3" start_server
# play LINE...: commands in one session.
play() {
  printf '%s\n' "$@" quit | java -cp "$folder/jars/*" org.apache.zookeeper.ZooKeeperMain -server "127.0.0.1:$port" > "$folder/play" 2>&1
}
names() {
  cli "" ls / | sed -n 's/^\[\(.*\)\]$/\1/p' | tr -d ',' | tr ' ' '\n' | grep -v zookeeper | sort | paste -sd' '
}
play "create -c /a" "create /a/child" "create -c /b" "create /b/child" "delete /a/child" "delete /b/child"
for _ in $(seq 20); do
  left=$(names)
  [ "$left" = "a b" ] || break
done
expect "containers left after the first removal" 1 "$(echo "$left" | wc -w)"
play "delete /$left" "create -c /$left precious"
expect "the new one has never had a child" "cversion = 0" "$(cli "" stat "/$left" | grep cversion)"
for _ in $(seq 30); do
  [ -n "$(names)" ] || break
  sleep 1
done
expect "containers left after the second removal" "" "$(names)"
exit $failed
