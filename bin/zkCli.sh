#!/usr/bin/env bash
# Zooid's client behind the name of ZooKeeper's: zkCli.sh -server host:port[,host:port] [command]
bin_dir="$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)"
for candidate in "${ZOOID_BIN:-}" "$bin_dir/zooid" "$bin_dir/../build/zooid"; do
  [ -n "$candidate" ] && [ -x "$candidate" ] && exec "$candidate" cli "$@"
done
exec zooid cli "$@"
