#!/usr/bin/env bash
# ZooKeeper 3.9.5, zkCli. A letter that is no permission and an entry without three parts are told on standard error, and
# the REST of the ACL is set, exit code 0: `setAcl /a world:anyone:rWa` (a capital) leaves a node that nobody can write, and a list of
# which one entry has a slip is set without that entry. A script cannot tell it from success. One would expect that nothing is sent.
. "$(dirname "$0")/zookeeper.inc"
install_zookeeper
start_server
cli "" create /a > /dev/null
expect "setAcl /a world:anyone:rWa" "Unknown perm type: W;exit 0" "$(cli "" setAcl /a world:anyone:rWa | paste -sd';')"
expect "the ACL afterwards" "'world,'anyone;: ra" "$(cli "" getAcl /a | head -2 | paste -sd';')"
expect "setAcl with one entry of two parts" "ip:127.0.0.1 does not have the form scheme:id:perm;exit 0" \
  "$(cli "" setAcl /a ip:127.0.0.1,world:anyone:ra | paste -sd';')"
expect "the ACL afterwards" "'world,'anyone;: ra" "$(cli "" getAcl /a | head -2 | paste -sd';')"
exit $failed
