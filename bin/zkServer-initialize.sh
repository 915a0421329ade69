#!/usr/bin/env bash
# Makes the directories of a server, as ZooKeeper's zkServer-initialize.sh:
#   zkServer-initialize.sh [--configfile=<zoo.cfg>] [--myid=#] [--force]
set -u
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/zkEnv.sh"
for word in "$@"; do
  case "$word" in
    --configfile | --configfile=*) exec "$zooid" initialize "$@" ;;
  esac
done
exec "$zooid" initialize --configfile "$ZOOCFG" "$@"
