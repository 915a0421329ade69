#!/usr/bin/env bash
# Prints a snapshot, as ZooKeeper's zkSnapShotToolkit.sh: zkSnapShotToolkit.sh [-d|-json] snapshot.<zxid>
set -u
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/zkEnv.sh"
arguments=()
for word in "$@"; do
  [ "$word" = -json ] && word=--json
  arguments+=("$word")
done
exec "$zooid" snapshot "${arguments[@]}"
