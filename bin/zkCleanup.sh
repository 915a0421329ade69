#!/usr/bin/env bash
# Deletes old snapshots and logs, as ZooKeeper's zkCleanup.sh: zkCleanup.sh -n 3. The directories are those of
# zoo.cfg (ZOOCFGDIR, ZOOCFG, --config <conf-dir>).
set -u
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/zkEnv.sh"
data_dir="$(setting dataDir)"
log_dir="$(setting dataLogDir)"
if [ -z "$data_dir" ]; then
  echo "Unable to determine dataDir from $ZOOCFG" >&2
  exit 1
fi
exec "$zooid" cleanup ${log_dir:+"$log_dir"} "$data_dir" "$@"
