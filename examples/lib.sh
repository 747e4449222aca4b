# shellcheck shell=bash disable=SC2034
# What the examples' `run` scripts share: real servers on loopback, in a folder of their own that goes at
# the end, and a Core beside yours. Sourced with the example's name:
#
#   . "$(dirname "$0")/../lib.sh" order-desk "$@"
#
# `run` brings everything up, deploys the application and waits for Ctrl-C; `run --try` plays the whole
# story, checks it and ends with 0 when all was as the README says. MESG is the program; otherwise
# build/release/bin/mesg or build/dev/bin/mesg.
set -euo pipefail
example=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
trying=no
case "${1:-}" in
  '') ;;
  --try) trying=yes ;;
  -h | --help) awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; exit 0 ;;
  *) echo "$example: unknown option $1; see $0 --help" >&2; exit 2 ;;
esac

if [ -z "${MESG:-}" ]; then
  for each in "$root/build/release/bin/mesg" "$root/build/dev/bin/mesg"; do
    if [ -x "$each" ]; then MESG=$each; break; fi
  done
fi
[ -n "${MESG:-}" ] || { echo "$example: build MESG first: scripts/quickstart" >&2; exit 1; }
prefix=$(cd "$(dirname "$MESG")/.." && pwd)
mesg() { "$MESG" "$@"; }

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
fail() {
  echo "$example: $*" >&2
  { mesg run list; mesg service list; } >&2 || true
  for each in "$folder"/*.log; do
    [ ! -s "$each" ] || { echo "-- $(basename "$each")"; tail -n 8 "$each"; } >&2
  done
  exit 1
}
# needs PROGRAM PACKAGE: says what to install.
needs() {
  PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null || {
    echo "$example: $1 is missing: install $2 (scripts/setup test installs all that the examples use)" >&2
    exit 1
  }
}
# until_true SECONDS COMMAND...: waits for it to succeed.
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.1
  done
}
# expect WHAT COMMAND...: it must come true within a minute.
expect() {
  until_true 60 "${@:2}" || fail "expected: $1"
  echo "  ok: $1"
}
free_port() {
  python3 -c 'import socket
with socket.create_server(("127.0.0.1", 0)) as s: print(s.getsockname()[1])'
}
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

folder=$(mktemp -d "/tmp/mesg-$example-XXXXXX")
chmod 711 "$folder"
running=()
cleanup() {
  local status=$?
  trap - EXIT INT TERM
  mesg stop >/dev/null 2>&1 || true
  for pid in "${running[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${running[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$folder"
  exit $status
}
trap cleanup EXIT
trap "exit 130" INT TERM

# in_background NAME COMMAND...: its output is in $folder/NAME.log; it ends with this script. Its process
# is the last of ${running[@]}.
in_background() {
  local name=$1
  shift
  "$@" >>"$folder/$name.log" 2>&1 </dev/null &
  running+=($!)
}
# A server runs as nobody when this is root.
unprivileged=()
owner=$(id -un)
if [ "$(id -u)" -eq 0 ]; then
  owner=nobody
  unprivileged=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
fi

# ---- Core ----

start_core() {
  export MESG_HOME=$folder/core
  mkdir -p "$MESG_HOME"
  local port
  port=$(free_port)
  export MESG_GRPC_ADDRESS=127.0.0.1:$port MESG_ENDPOINT=127.0.0.1:$port
  mesg start >/dev/null 2>&1 || fail "Core did not start"
}
kill_core() { kill -9 "$(cat "$MESG_HOME/state/core.pid")"; }
runs_are() {  # runs_are COUNT STATE [APPLICATION]
  [ "$(mesg run list --app "${3:-$example}" --state "$2" --limit 1000 --json | jq '.runs | length')" = "$1" ]
}
service_is_up() { [ "$(mesg service show "$1" --json | jq '.workers // 0')" -gt 0 ]; }

# ---- Servers ----

# start_postgres: a PostgreSQL of its own; sets $database, its URL, and `sql` asks it.
start_postgres() {
  needs psql postgresql-client
  local bin
  bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
  [ -n "$bin" ] || needs postgres postgresql
  local port password
  port=$(free_port)
  password=$(openssl rand -hex 12)
  mkdir "$folder/postgres"
  chown "$owner" "$folder/postgres"
  (umask 077 && echo "$password" >"$folder/postgres.password")
  chown "$owner" "$folder/postgres.password"
  "${unprivileged[@]}" "$bin/initdb" -D "$folder/postgres/data" -U mesg -A scram-sha-256 --pwfile "$folder/postgres.password" \
    -E UTF8 --no-sync >"$folder/initdb.log" 2>&1 || fail "initdb failed"
  in_background postgres "${unprivileged[@]}" "$bin/postgres" -D "$folder/postgres/data" -c listen_addresses=127.0.0.1 \
    -c port="$port" -c unix_socket_directories="$folder/postgres"
  database=postgresql://mesg:$password@127.0.0.1:$port/postgres
  until_true 60 sql 'SELECT 1' || fail "PostgreSQL did not start"
}
sql() { PGCONNECT_TIMEOUT=5 psql -X -q -t -A -v ON_ERROR_STOP=1 "$database" "${@:2}" -c "$1"; }
sql_says() { [ "$(sql "$1")" = "$2" ]; }

# start_mail: sets $SMTP_HOST, $SMTP_PORT and $SMTP_TLS. What it takes lies in $folder/mail, a file a
# message. As root it is OpenSMTPD, of which a machine can run one; otherwise a receiver of Python's.
start_mail() {
  export SMTP_HOST=127.0.0.1 SMTP_TLS=none
  SMTP_PORT=$(free_port)
  export SMTP_PORT
  mkdir "$folder/mail"
  chown "$owner" "$folder/mail"
  if [ "$(id -u)" -eq 0 ]; then
    needs smtpd opensmtpd
    exec 9>/tmp/mesg-test-smtpd.lock
    flock 9
    cat >"$folder/smtpd.conf" <<END
table users { "@" = "nobody" }
listen on 127.0.0.1 port $SMTP_PORT
action deliver maildir "$folder/mail/%{rcpt.user}" virtual <users>
match from any for domain "example.org" action deliver
END
    chmod 600 "$folder/smtpd.conf"
    in_background smtpd /usr/sbin/smtpd -d -f "$folder/smtpd.conf"
  else
    in_background smtpd python3 -W ignore -c '
import asyncore, os, smtpd, sys
class Receiver(smtpd.SMTPServer):
    count = 0
    def process_message(self, peer, sender, recipients, data, **more):
        Receiver.count += 1
        for recipient in recipients:
            folder = os.path.join(sys.argv[2], recipient.split("@")[0], "new")
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, str(Receiver.count)), "wb") as file: file.write(data)
Receiver(("127.0.0.1", int(sys.argv[1])), None)
asyncore.loop()' "$SMTP_PORT" "$folder/mail"
  fi
  until_true 60 listens "$SMTP_PORT" || fail "the mail server did not start"
}
# mails USER TEXT: how many messages to USER hold the text.
mails() { grep -rlF -- "$2" "$folder/mail/$1" 2>/dev/null | wc -l; }
mails_are() { [ "$(mails "$2" "$3")" = "$1" ]; }

# start_chat: a receiver that answers as Slack's incoming web hooks do; sets $CHAT_URL. What comes is a
# line each of $folder/chat.
start_chat() {
  local port
  port=$(free_port)
  CHAT_URL=http://127.0.0.1:$port/services/T0/B0/secret
  : >"$folder/chat"
  in_background chat-receiver python3 -c '
import http.server, sys
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(sys.argv[2], "ab") as file: file.write(body + b"\n")
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()' "$port" "$folder/chat"
  until_true 60 listens "$port" || fail "the receiver did not start"
}
chats_are() { [ "$(grep -cF -- "$2" "$folder/chat")" = "$1" ]; }

# start_chain: an EVM chain of its own that mines a block for each transaction; sets $RPC_URL, and `evm`
# acts on it, see evm.js. Its accounts are anvil's: rich, and their keys known to everybody.
start_chain() {
  packages=$prefix/js/tested/services/ethereum
  [ -d "$packages/node_modules" ] || packages=$root/services/ethereum
  [ -d "$packages/node_modules" ] || {
    echo "$example: build all of MESG first, for anvil and solc: cmake --build --preset release" >&2
    exit 1
  }
  local port
  port=$(free_port)
  in_background anvil "$packages/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil" --silent --host 127.0.0.1 --port "$port"
  RPC_URL=http://127.0.0.1:$port
  until_true 60 listens "$port" || fail "anvil did not start"
}
evm() { node "$root/examples/evm.js" "$packages" "$RPC_URL" "$@"; }
# The key of account N, as everybody knows them.
anvil_key() {
  case "$1" in
    0) echo 0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80 ;;
    1) echo 0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d ;;
  esac
}

# What every `run` ends with: waits for Ctrl-C, unless the story was played.
stay() {
  if [ "$trying" = yes ]; then
    say "All was as it should be."
    return
  fi
  say "It runs. In another terminal:"
  echo "  export MESG_HOME=$MESG_HOME MESG_ENDPOINT=$MESG_ENDPOINT PATH=$(dirname "$MESG"):\$PATH"
  cat
  echo "Ctrl-C ends it and removes $folder."
  while sleep 3600; do :; done
}
