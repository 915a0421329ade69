#!/usr/bin/env bash
# Zooid's client behind the name of ZooKeeper's: zkCli.sh -server host:port[,host:port] [command]
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/zkEnv.sh"
exec "$zooid" cli "$@"
