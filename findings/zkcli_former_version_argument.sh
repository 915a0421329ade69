#!/usr/bin/env bash
# ZooKeeper 3.9.5, zkCli. In 3.4 a version was an argument: `delete path version`, `set path data version`. 3.9.5 still
# takes both forms, says of the first that it is deprecated, and carries out both WITHOUT the version: the node is deleted or
# overwritten whatever its version is, exit code 0. A script that guards its data so has had no guard since the upgrade.
# One would expect that the form is either honoured or refused.
. "$(dirname "$0")/zookeeper.inc"
install_zookeeper
start_server
cli "" create /a first > /dev/null
expect "set /a second 77 (its version is 0)" "exit 0" "$(cli "" set /a second 77 | tail -1)"
expect "the data afterwards" "second" "$(cli "" get /a | head -1)"
expect "set -v 77 /a third" "version No is not valid : /a" "$(cli "" set -v 77 /a third | head -1)"
expect "delete /a 77" "'delete path [version]' has been deprecated. Please use 'delete [-v version] path' instead.;exit 0" \
  "$(cli "" delete /a 77 | paste -sd';')"
expect "the node afterwards" "Node does not exist: /a" "$(cli "" get /a | head -1)"
exit $failed
