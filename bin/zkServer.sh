#!/usr/bin/env bash
# Zooid behind the command line of ZooKeeper's zkServer.sh: same verbs, lines and exit codes, so that
# scripts and service files go on working.
#
#   zkServer.sh [--config <conf-dir>]
#       {start|start-foreground|stop|version|restart|status|print-cmd} [config file]
#
# Environment: ZOOCFGDIR, ZOOCFG (zoo.cfg), ZOOPIDFILE, ZOO_LOG_DIR, ZOO_DATADIR_AUTOCREATE_DISABLE,
# SERVER_JVMFLAGS and JVMFLAGS (-Dzookeeper.… settings are honoured), ZOOID_BIN.
set -u

usage() {
  local verbs="start|start-foreground|stop|version|restart|status|print-cmd"
  echo "Usage: $0 [--config <conf-dir>] {$verbs}" >&2
}

bin_dir="$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)"

find_zooid() {
  local candidate
  for candidate in "${ZOOID_BIN:-}" "$bin_dir/zooid" "$bin_dir/../build/zooid"; do
    if [ -n "$candidate" ] && [ -x "$candidate" ]; then
      echo "$candidate"
      return
    fi
  done
  command -v zooid || echo zooid
}

find_config_dir() {
  if [ -n "${ZOOCFGDIR:-}" ]; then
    echo "$ZOOCFGDIR"
  elif [ -d "$bin_dir/../conf" ] && [ -f "$bin_dir/../conf/zoo.cfg" ]; then
    echo "$bin_dir/../conf"
  else
    echo /etc/zookeeper/conf
  fi
}

# The value of a key in the configuration; empty if it is not there.
setting() {
  sed -n "s/^[[:space:]]*$1[[:space:]]*[=:][[:space:]]*//p" "$config" 2>/dev/null |
    sed -e 's/[[:space:]]*$//' | tail -n 1
}

is_running() {
  [ -f "$pid_file" ] && kill -0 "$(cat "$pid_file")" 2>/dev/null
}

start_server() {
  echo -n "Starting zookeeper ... "
  if is_running; then
    echo "already running as process $(cat "$pid_file")."
    exit 1
  fi
  nohup "$zooid" server "$config" > "$log_file" 2>&1 < /dev/null &
  local pid=$!
  if ! echo -n "$pid" > "$pid_file"; then
    echo FAILED TO WRITE PID
    exit 1
  fi
  # A server that cannot start says so within a moment.
  local i
  for i in 1 2 3 4 5 6 7 8 9 10; do
    sleep 0.1
    if ! kill -0 "$pid" 2>/dev/null; then
      echo FAILED TO START
      tail -n 5 "$log_file" >&2
      exit 1
    fi
  done
  echo STARTED
}

stop_server() {
  echo -n "Stopping zookeeper ... "
  if [ ! -f "$pid_file" ]; then
    echo "no zookeeper to stop (could not find file $pid_file)"
    return
  fi
  local pid i
  pid="$(cat "$pid_file")"
  kill "$pid" 2>/dev/null
  for ((i = 0; i < 50; ++i)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  rm -f "$pid_file"
  echo STOPPED
}

# The part behind ';' of this server's own line, when clientPort is not set.
client_part_of_server_line() {
  local my_id
  my_id="$(cat "$data_dir/myid" 2>/dev/null)"
  if ! [[ "$my_id" =~ ^[0-9]+$ ]]; then
    echo "myid could not be determined, will not able to locate clientPort" \
      "in the server configs." >&2
    return
  fi
  setting "server\\.$my_id" | sed -n 's/.*;//p'
}

ask_mode() {
  timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1" && printf srvr >&3 && cat <&3' "$1" "$2" 2>/dev/null |
    grep -a '^Mode:'
}

show_status() {
  local address port client mode
  address="$(setting clientPortAddress)"
  port="$(setting clientPort)"
  if ! [[ "$port" =~ ^[1-9][0-9]*$ ]]; then
    client="$(client_part_of_server_line)"
    port="${client##*:}"
    [[ "$client" == *:* ]] && address="${client%:*}"
  fi
  address="${address#[}"
  address="${address%]}"
  [ "$address" = 0.0.0.0 ] && address=""
  if [ -z "$port" ]; then
    echo "Client port not found in the server configs"
    echo "Unable to find either secure or unsecure client port in any configs. Terminating."
    exit 1
  fi
  echo "Client port found: $port. Client address: ${address:-localhost}. Client SSL: false."
  mode="$(ask_mode "${address:-localhost}" "$port")"
  if [ -z "$mode" ]; then
    echo "Error contacting service. It is probably not running."
    exit 1
  fi
  echo "$mode"
}

zooid="$(find_zooid)"
config_dir="$(find_config_dir)"
if [ "${1:-}" = --config ]; then
  config_dir="${2:-}"
  shift 2 || { usage; exit 1; }
fi
verb="${1:-}"
[ $# -gt 0 ] && shift

case "$verb" in
  version)
    echo "Zooid, version $("$zooid" --version)"
    exit
    ;;
  start | start-foreground | stop | restart | status | print-cmd) ;;
  *)
    usage
    exit 1
    ;;
esac

config="${1:-${ZOOCFG:-zoo.cfg}}"
[[ "$config" == */* ]] || config="$config_dir/$config"
echo "Using config: $config" >&2

data_dir="$(setting dataDir)"
if [ -n "${ZOO_DATADIR_AUTOCREATE_DISABLE:-}" ]; then
  if [ ! -d "$data_dir/version-2" ]; then
    echo "ZooKeeper data directory is missing at $data_dir fix the path or run initialize"
    exit 1
  fi
  export SERVER_JVMFLAGS="${SERVER_JVMFLAGS:-} -Dzookeeper.datadir.autocreate=false"
fi
pid_file="${ZOOPIDFILE:-$data_dir/zookeeper_server.pid}"
log_dir="${ZOO_LOG_DIR:-$bin_dir/../logs}"
log_file="$log_dir/zookeeper-${USER:-$(id -un)}-server-$(uname -n).out"

case "$verb" in
  start | restart)
    mkdir -p "$(dirname "$pid_file")" "$log_dir"
    [ "$verb" = restart ] && stop_server
    start_server
    ;;
  start-foreground) exec "$zooid" server "$config" ;;
  print-cmd) echo "\"$zooid\" server \"$config\" > \"$log_file\" 2>&1 < /dev/null" ;;
  stop) stop_server ;;
  status) show_status ;;
esac
