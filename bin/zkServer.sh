#!/usr/bin/env bash
# A Zooid server behind the command line of ZooKeeper's zkServer.sh, so that scripts and service files go
# on working. What differs stands in docs/scripts.md.
#
#   zkServer.sh [--config <conf-dir>]
#       {start|start-foreground|stop|version|restart|status|print-cmd} [config file]
#
# Environment: ZOOCFGDIR, ZOOCFG (zoo.cfg), ZOOPIDFILE, ZOO_LOG_DIR, ZOO_DATADIR_AUTOCREATE_DISABLE,
# SERVER_JVMFLAGS and JVMFLAGS (-Dzookeeper.… settings are honoured), ZOO_START_SECONDS (60) and
# ZOO_STOP_SECONDS (10): how long start and stop wait; ZOOID_BIN. Each may stand in
# zookeeper-env.sh or java.env of the configuration directory.
set -u

. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/zkEnv.sh"

usage() {
  local verbs="start|start-foreground|stop|version|restart|status|print-cmd"
  echo "Usage: $0 [--config <conf-dir>] {$verbs}" >&2
}

# Is process $1 a Zooid server with this configuration? Whatever else has the number in the pid file is
# left alone: after a reboot that may be any process.
is_our_server() {
  local pid="$1" program word arguments=()
  [[ "$pid" =~ ^[0-9]+$ ]] || return 1
  program="$(readlink "/proc/$pid/exe" 2>/dev/null)" || return 1
  program="${program% (deleted)}" # replaced by an upgrade while it runs
  [ "$program" = "$(readlink -f "$zooid")" ] || [ "$(basename "$program")" = zooid ] || return 1
  while IFS= read -r -d '' word; do arguments+=("$word"); done < "/proc/$pid/cmdline"
  [ "${arguments[1]:-}" = server ] || return 1
  word="${arguments[2]:-}"
  [[ "$word" == /* ]] || word="$(readlink "/proc/$pid/cwd")/$word"
  [ "$(readlink -f "$word")" = "$(readlink -f "$ZOOCFG")" ]
}

# A process that has ended and that nobody has asked for yet is no process.
is_alive() {
  kill -0 "$1" 2>/dev/null && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null
}

recorded_pid() {
  cat "$pid_file" 2>/dev/null
}

# The pid file must lie in a directory that is known.
find_pid_file() {
  pid_file="${ZOOPIDFILE:-}"
  [ -n "$pid_file" ] && return
  if [ -z "$data_dir" ]; then
    if [ -r "$ZOOCFG" ]; then
      echo "Unable to determine dataDir from $ZOOCFG, so there is no place for the pid file" >&2
    else
      echo "Unable to find config file at $ZOOCFG" >&2
    fi
    exit 1
  fi
  pid_file="$data_dir/zookeeper_server.pid"
}

check_directories() {
  [ -n "${ZOO_DATADIR_AUTOCREATE_DISABLE:-}" ] || return 0
  if [ ! -d "$data_dir/version-2" ]; then
    echo "ZooKeeper data directory is missing at $data_dir fix the path or run initialize"
    exit 1
  fi
  local log_dir
  log_dir="$(setting dataLogDir)"
  if [ -n "$log_dir" ] && [ ! -d "$log_dir/version-2" ]; then
    echo "ZooKeeper txnlog directory is missing at $log_dir fix the path or run initialize"
    exit 1
  fi
  export SERVER_JVMFLAGS="${SERVER_JVMFLAGS:-} -Dzookeeper.datadir.autocreate=false"
}

# The part behind ';' of this server's own line, in the file or in the one that dynamicConfigFile names.
client_part_of_server_line() {
  local my_id part dynamic
  my_id="$(tr -d '[:space:]' < "$data_dir/myid" 2>/dev/null)"
  if ! [[ "$my_id" =~ ^[0-9]+$ ]]; then
    # Of a single line there is no doubt.
    if [ "$(grep -c '^[[:space:]]*server\.[0-9]' "$ZOOCFG" 2>/dev/null)" = 1 ]; then
      setting 'server\.[0-9]*' | sed -n 's/.*;//p'
      return
    fi
    [ "${1:-}" = quiet ] || echo "myid could not be determined, will not able to locate clientPort" \
      "in the server configs." >&2
    return
  fi
  part="$(setting "server\\.$my_id" | sed -n 's/.*;//p')"
  if [ -z "$part" ]; then
    dynamic="$(setting dynamicConfigFile)"
    if [ -n "$dynamic" ]; then
      [ "${1:-}" = quiet ] ||
        echo "Client port not found in static config file. Looking in dynamic config file." >&2
      part="$(setting "server\\.$my_id" "$dynamic" | sed -n 's/.*;//p')"
    fi
  fi
  echo "$part"
}

# Sets address and port of the client port; empty if there is none.
find_client_port() {
  local client
  address="$(setting clientPortAddress)"
  port="$(setting clientPort)"
  if ! [[ "$port" =~ ^[1-9][0-9]*$ ]]; then
    client="$(client_part_of_server_line "${1:-}")"
    port="${client##*:}"
    [[ "$client" == *:* ]] && address="${client%:*}"
  fi
  address="${address#[}"
  address="${address%]}"
  case "$address" in
    "" | 0.0.0.0 | ::) address=localhost ;;
  esac
}

# What the server on the client port says to srvr.
ask_server() {
  timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1" && printf srvr >&3 && cat <&3' "$1" "$2" 2>/dev/null |
    tr -d '\0'
}

# Has process $1 the TCP port $2 open? Somebody else's answer is not our server's.
listens() {
  local inode inodes
  inodes="$(awk -v port="$(printf ':%04X' "$2")" \
    '$4 == "0A" && substr($2, length($2) - 4) == port { print $10 }' /proc/net/tcp /proc/net/tcp6 2>/dev/null)"
  for inode in $inodes; do
    find "/proc/$1/fd" -lname "socket:\\[$inode\\]" 2>/dev/null | grep -q . && return 0
  done
  return 1
}

# Waits until the server (process $1) serves, waits for others, or has ended. A server that reads much data opens its
# port late: after START_SECONDS that is said.
START_SECONDS="${ZOO_START_SECONDS:-60}"
await_start() {
  local pid="$1" tenths answer waiting=0 state=STARTED
  find_client_port quiet
  for ((tenths = 0; tenths < START_SECONDS * 10; ++tenths)); do
    sleep 0.1
    if ! is_alive "$pid"; then
      echo FAILED TO START
      tail -n +"$((log_lines + 1))" "$log_file" | tail -n 5 >&2
      rm -f "$pid_file"
      exit 1
    fi
    if [ -z "$port" ]; then # without clients there is nobody to ask
      [ "$tenths" -ge 10 ] && break
      continue
    fi
    listens "$pid" "$port" || continue
    answer="$(ask_server "$address" "$port")"
    [[ "$answer" == *"Mode: "* ]] && break
    # A server that looks for a quorum may find one at once.
    if [ -n "$answer" ] && [ $((++waiting)) -ge 5 ]; then
      state="STARTED (waiting for a quorum)"
      break
    fi
  done
  [ "$tenths" -lt $((START_SECONDS * 10)) ] ||
    state="STARTED (still reading its data, its port is not open yet: see $log_file)"
  echo "$state"
}

start_server() {
  echo -n "Starting zookeeper ... "
  local pid
  pid="$(recorded_pid)"
  if [ -n "$pid" ] && is_our_server "$pid"; then
    echo "already running as process $pid."
    exit 1
  fi
  if [ ! -r "$ZOOCFG" ]; then
    echo FAILED TO START
    echo "Unable to find config file at $ZOOCFG" >&2
    exit 1
  fi
  if ! mkdir -p "$(dirname "$pid_file")" "$ZOO_LOG_DIR"; then
    echo SERVER DID NOT START
    exit 1
  fi
  tell_ignored_flags
  log_lines="$({ wc -l < "$log_file"; } 2>/dev/null || echo 0)"
  nohup "$zooid" server "$ZOOCFG" >> "$log_file" 2>&1 < /dev/null &
  pid=$!
  if ! echo -n "$pid" > "$pid_file"; then
    kill "$pid"
    echo FAILED TO WRITE PID
    exit 1
  fi
  await_start "$pid"
}

# 0 unless a server is there that did not end.
STOP_SECONDS="${ZOO_STOP_SECONDS:-10}"
stop_server() {
  echo -n "Stopping zookeeper ... "
  local pid tenths
  if [ ! -f "$pid_file" ]; then
    echo "no zookeeper to stop (could not find file $pid_file)"
    return
  fi
  pid="$(recorded_pid)"
  if ! is_our_server "$pid"; then
    if is_alive "$pid"; then
      echo "no zookeeper to stop (process $pid in $pid_file is $(readlink "/proc/$pid/exe"), not this server)"
    else
      echo "no zookeeper to stop (process $pid in $pid_file has ended)"
      rm -f "$pid_file"
    fi
    return
  fi
  kill "$pid" 2>/dev/null
  for ((tenths = 0; tenths < STOP_SECONDS * 10; ++tenths)); do
    is_alive "$pid" || break
    sleep 0.1
  done
  if is_alive "$pid"; then
    echo "FAILED TO STOP (process $pid is still there after $STOP_SECONDS s)"
    return 1
  fi
  rm -f "$pid_file"
  echo STOPPED
}

show_status() {
  local mode is_secure=false
  find_client_port
  if [ -z "$port" ]; then
    echo "Client port not found in the server configs"
    echo "Client port not found. Looking for secureClientPort in the static config."
    port="$(setting secureClientPort)"
    address="$(setting secureClientPortAddress)"
    address="${address:-localhost}"
    is_secure=true
  fi
  if [ -z "$port" ]; then
    echo "Unable to find either secure or unsecure client port in any configs. Terminating."
    exit 1
  fi
  echo "Client port found: $port. Client address: $address. Client SSL: $is_secure."
  [ "$is_secure" = true ] && echo "Note: TLS is not supported yet, so this port is not asked."
  [ "$is_secure" = true ] || mode="$(ask_server "$address" "$port" | grep '^Mode:')"
  if [ -z "${mode:-}" ]; then
    echo "Error contacting service. It is probably not running."
    exit 1
  fi
  echo "$mode"
}

verb="${1:-}"
[ $# -gt 0 ] && shift

case "$verb" in
  version)
    echo "Zooid, version $("$zooid" --version | sed 's/^zooid //')"
    exit
    ;;
  start | start-foreground | stop | restart | status | print-cmd) ;;
  *)
    usage
    exit 1
    ;;
esac

if [ -n "${1:-}" ]; then
  ZOOCFG="$1"
  [[ "$ZOOCFG" == */* ]] || ZOOCFG="$ZOOCFGDIR/$ZOOCFG"
fi
echo "Using config: $ZOOCFG" >&2

data_dir="$(setting dataDir)"
log_file="$ZOO_LOG_DIR/zookeeper-${USER:-$(id -un)}-server-$(uname -n).out"

case "$verb" in
  start | restart)
    find_pid_file
    check_directories
    if [ "$verb" = restart ]; then
      stop_server || exit 1
    fi
    start_server
    ;;
  start-foreground)
    check_directories
    tell_ignored_flags
    exec "$zooid" server "$ZOOCFG"
    ;;
  print-cmd) echo "\"$zooid\" server \"$ZOOCFG\" >> \"$log_file\" 2>&1 < /dev/null" ;;
  stop)
    find_pid_file
    stop_server
    ;;
  status) show_status ;;
esac
