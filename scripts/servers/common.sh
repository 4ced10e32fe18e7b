# SPDX-License-Identifier: Apache-2.0
#
# Sourced by the scripts `kafka`, `opensearch` and `elasticsearch`: what the three servers have in common.
#
# A server script sets $name, $version and $port, sources this file, defines the functions server_layout,
# server_config, server_command, server_ready and server_endpoints, and ends with: server_main "$@"

set -euo pipefail

# For everyone to set. Installed files are shared by all who use them; data, logs and certificates are private to one
# $WEIR_SERVERS_DATA, so a test that wants a server of its own sets that and the ports, and nothing else.
: "${WEIR_SERVERS_DIR:=${XDG_CACHE_HOME:-$HOME/.cache}/weir-servers}"
: "${WEIR_SERVERS_DATA:=$WEIR_SERVERS_DIR/data}"
: "${WEIR_SERVERS_TIMEOUT:=180}"       # seconds that start waits until the server answers
: "${WEIR_SERVERS_JAVA:=java}"          # Java 17 or newer; 17 is what all is tried with
# More options for Java. This one halves the time to start; benchmarks set it to nothing, for the faster compiler.
: "${WEIR_SERVERS_JVM=-XX:TieredStopAtLevel=1}"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$WEIR_SERVERS_DIR" "$WEIR_SERVERS_DATA"
stamp=$(find "$here" -type f \( -name common.sh -o -name "$name*" -o -path "*/$name.java/*" \) -print0 |
	sort -z | xargs -0 cat | sha256sum | cut -c 1-8)
home=$(cd "$WEIR_SERVERS_DIR" && pwd)/$name-$version-$stamp # the installed server
run=$(cd "$WEIR_SERVERS_DATA" && pwd)/$name-$version # its configuration, data and log
certs=$(cd "$WEIR_SERVERS_DATA" && pwd)/tls # one certificate authority for all servers
log=$run/log
java=("$WEIR_SERVERS_JAVA" -XX:+UseSerialGC -Djava.awt.headless=true $WEIR_SERVERS_JVM)
readonly user=weir password=weir-secret           # on every server that was started with --tls or --sasl
readonly plugin_copy=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies

say() { echo "$name: $*"; }
die() { echo "$name: $*" >&2; exit 1; }

# ---- install -------------------------------------------------------------------------------------------------------

# The layout is built beside its place and then moved there, so no one ever sees half of one. The folder's name tells the
# files that describe it, so a checkout with other scripts has a folder of its own, and takes none from under a server.
server_install() {
	local new=$home.new
	exec 9>"$home.lock"
	flock 9
	if [ ! -d "$home" ]; then
		command -v mvn >/dev/null || die "mvn is needed to install (Debian's package: maven)"
		rm -rf "$new"
		mkdir -p "$new/jars"
		mvn -B -f "$here/$name.pom.xml" "$plugin_copy" -Dserver.version="$version" -DincludeScope=runtime \
			-DoutputDirectory="$new/jars" >"$home.mvn.log" 2>&1 ||
			{ grep ERROR "$home.mvn.log" >&2; die "mvn could not fetch the jars"; }
		(cd "$new" && server_layout)
		mv "$new" "$home"
		say "installed in $home ($(du -sh "$home" | cut -f1))"
	fi
	exec 9>&-
}

# jars_move FOLDER PATTERN...: moves the jars that match out of jars/; each pattern has to match.
jars_move() {
	local folder=$1 pattern
	shift
	mkdir -p "$folder"
	for pattern; do
		compgen -G "jars/$pattern" >/dev/null || die "no jar is named $pattern"
		mv jars/$pattern "$folder/" # the shell expands the pattern
	done
}

# copy_linked FOLDER COPY: by hard links where it can be. (Symbolic links are no use: the servers' own access control
# grants the home folder's path, and then looks up the real one.)
copy_linked() { cp -al "$1" "$2" 2>/dev/null || { rm -rf "$2" && cp -r "$1" "$2"; }; }

# ---- TLS -----------------------------------------------------------------------------------------------------------

# ca.pem, and NAME.pem with NAME.key (PKCS 8) for: server (localhost, 127.0.0.1, ::1), client (CN=weir).
certs_make() {
	mkdir -p "$certs"
	(
		flock 9
		! openssl x509 -in "$certs/client.pem" -checkend 86400 -noout >/dev/null 2>&1 || exit 0
		cd "$certs" &&
			certs_issue ca "/CN=weir test CA" "basicConstraints=critical,CA:true" "keyUsage=critical,keyCertSign,cRLSign" &&
			certs_issue server "/CN=localhost" "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1" &&
			certs_issue client "/CN=$user" "extendedKeyUsage=clientAuth"
	) 9>"$certs/lock" >/dev/null 2>"$certs/openssl.log" || die "openssl failed, see $certs/openssl.log"
}

certs_issue() { # NAME SUBJECT EXTENSION...
	local file=$1 subject=$2 signer
	shift 2
	[ "$file" = ca ] && signer=(-signkey ca.key) || signer=(-CA ca.pem -CAkey ca.key -CAcreateserial)
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$file.key" &&
		openssl req -new -key "$file.key" -subj "$subject" |
			openssl x509 -req -days 365 "${signer[@]}" -extfile <(printf '%s\n' "$@") -out "$file.pem"
}

# ---- start and stop ------------------------------------------------------------------------------------------------

# The process is ours if its command line carries our data folder; a stale pid file names a stranger or nobody.
server_pid() {
	local pid
	pid=$(cat "$run/pid" 2>/dev/null) && grep -qzxF -- "-Dweir.server=$run" "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
}

server_start() {
	tls='' sasl='' settings=()
	local argument pid begin
	for argument; do
		case $argument in
		--tls) tls=1 ;;
		--sasl) sasl=1 ;;
		?*=*) settings+=("$argument") ;;
		*) die "start does not know '$argument'" ;;
		esac
	done
	if pid=$(server_pid); then
		[ "$*" = "$(cat "$run/started")" ] || die "already running, but not with these arguments: stop it first"
		say "already running, pid $pid, log $log"
		return
	fi
	server_install
	begin=$SECONDS
	umask 077
	mkdir -p "$run"
	echo "$*" >"$run/started"
	[ -z "$tls" ] || certs_make
	server_config
	server_command # sets the array $command
	! port_open || die "something else already listens on port $port"
	: >"$log"
	setsid "${command[@]}" >>"$log" 2>&1 <"${stdin:-/dev/null}" &
	echo $! >"$run/pid"
	until server_ready; do
		server_pid >/dev/null || { sleep 1; server_pid >/dev/null || server_failed "it ended"; }
		[ $((SECONDS - begin)) -lt "$WEIR_SERVERS_TIMEOUT" ] || server_failed "no answer in $WEIR_SERVERS_TIMEOUT s"
		sleep 0.2
	done
	say "ready after $((SECONDS - begin)) s, pid $(server_pid), log $log"
	server_endpoints
}

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

server_failed() {
	grep -E -m 5 'ERROR|Exception' "$log" >&2 || tail -n 5 "$log" >&2
	server_stop >/dev/null
	die "not started: $1; log $log"
}

server_stop() {
	local pid tries=0
	pid=$(server_pid) || { rm -f "$run/pid"; return 0; }
	kill "$pid"
	while server_pid >/dev/null; do
		[ $((tries += 1)) -lt 150 ] || kill -KILL "$pid" 2>/dev/null || true
		sleep 0.2
	done
	rm -f "$run/pid"
	say "stopped"
}

# Elasticsearch and OpenSearch refuse to run as root. In a user namespace they see another user id, and their files
# still belong to root outside of it.
not_as_root() {
	[ "$(id -u)" = 0 ] || return 0
	unshare --user --map-user=1000 --map-group=1000 true 2>/dev/null ||
		die "cannot run as root and this machine allows no user namespaces: run me as another user"
	command=(unshare --user --map-user=1000 --map-group=1000 "${command[@]}")
}

server_main() {
	local verb=${1:-}
	[ $# = 0 ] || shift
	case $verb in
	install) server_install ;;
	start) server_start "$@" ;;
	stop) server_stop ;;
	wipe) server_stop && rm -rf "$run" ;;
	*)
		[ -n "$verb" ] && declare -F "tool_$verb" >/dev/null && { "tool_$verb" "$@"; return; }
		die "usage: $name install | start [--tls] [--sasl] [key=value]... | stop | wipe${usage:+ | $usage}"
		;;
	esac
}
