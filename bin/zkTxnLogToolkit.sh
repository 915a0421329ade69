#!/usr/bin/env bash
# Shows, repairs or cuts a transaction log file, as ZooKeeper's zkTxnLogToolkit.sh:
#   zkTxnLogToolkit.sh [-d] [-r [-v] [-y]] [-c -z <zxid>] log.<zxid>
set -u
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/zkEnv.sh" # all arguments are the toolkit's
exec "$zooid" log "$@"
