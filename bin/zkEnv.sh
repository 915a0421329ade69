# Sourced by the other scripts of this directory, as ZooKeeper's zkEnv.sh is: finds the program and the
# configuration. `--config <conf-dir>` in front of the arguments is taken here; what is left is in "$@".
#
# Sets and exports: ZOOCFGDIR, ZOOCFG (the file's path), ZOO_LOG_DIR, zooid (the program). Reads
# zookeeper-env.sh and java.env in ZOOCFGDIR: ZOO_LOG_DIR, ZOOPIDFILE, SERVER_JVMFLAGS, JVMFLAGS … may stand
# there. Of JVM flags those with -D are read by the server; heap and other flags are for a JVM.

ZOOBINDIR="$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)"

find_zooid() {
  local candidate
  for candidate in "${ZOOID_BIN:-}" "$ZOOBINDIR/zooid" "$ZOOBINDIR/../build/zooid"; do
    if [ -n "$candidate" ] && [ -x "$candidate" ]; then
      readlink -f "$candidate"
      return
    fi
  done
  command -v zooid || echo zooid
}

# conf/ or etc/zookeeper beside bin/; of an installed program /etc/zookeeper/conf, which is not looked at from
# a source tree: whoever tries that out does not mean the system's server.
find_config_dir() {
  local dir
  for dir in "$ZOOBINDIR/../conf" "$ZOOBINDIR/../etc/zookeeper"; do
    if [ -d "$dir" ]; then
      (cd "$dir" && pwd)
      return
    fi
  done
  if [ -f "$ZOOBINDIR/../CMakeLists.txt" ]; then
    echo "$(dirname "$ZOOBINDIR")/conf"
  else
    echo /etc/zookeeper/conf
  fi
}

if [ "${1:-}" = --config ] && [ $# -gt 1 ]; then
  ZOOCFGDIR="$2"
  shift 2
fi
ZOOCFGDIR="${ZOOCFGDIR:-$(find_config_dir)}"
# shellcheck disable=SC1091 # the administrator's own files
[ -f "$ZOOCFGDIR/zookeeper-env.sh" ] && . "$ZOOCFGDIR/zookeeper-env.sh"
ZOOCFG="${ZOOCFG:-zoo.cfg}"
[[ "$ZOOCFG" == */* ]] || ZOOCFG="$ZOOCFGDIR/$ZOOCFG"
# shellcheck disable=SC1091
[ -f "$ZOOCFGDIR/java.env" ] && . "$ZOOCFGDIR/java.env"
ZOO_LOG_DIR="${ZOO_LOG_DIR:-$ZOOBINDIR/../logs}"
zooid="$(find_zooid)"

# Heap and such, once, in one line.
tell_ignored_flags() {
  local ignored="" flag
  # shellcheck disable=SC2086 # flags are separated by blanks
  for flag in ${SERVER_JVMFLAGS:-} ${JVMFLAGS:-}; do
    case "$flag" in
      -D*) ;;
      *) ignored="$ignored $flag" ;;
    esac
  done
  [ -n "${ZK_SERVER_HEAP:-}" ] && ignored="$ignored ZK_SERVER_HEAP=$ZK_SERVER_HEAP"
  [ -n "$ignored" ] && echo "There is no JVM, these have no effect:$ignored" >&2
  return 0
}

# The value of a key ($1, a pattern for sed) in a configuration file ($2, else $ZOOCFG); of several the last one, as the
# server does. Empty if it is not there.
setting() {
  sed -n "s/^[[:space:]]*$1[[:space:]]*[=:][[:space:]]*//p" "${2:-$ZOOCFG}" 2>/dev/null |
    tr -d '\r' | sed -e 's/[[:space:]]*$//' | tail -n 1
}

export ZOOCFGDIR ZOO_LOG_DIR
[ -n "${SERVER_JVMFLAGS:-}" ] && export SERVER_JVMFLAGS
[ -n "${JVMFLAGS:-}" ] && export JVMFLAGS
