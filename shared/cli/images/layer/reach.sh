# reaches URL: whether it is answered with 200, past any proxy; asked with whatever the image has for that. Nobody there is known after two
# seconds; a cache that has to be woken, or its container, may take some more.
has() { command -v "$1" >/dev/null 2>&1; }

reaches() {
  (
    unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
    case $1 in http:*) plain=yes ;; *) plain= ;; esac
    if has curl; then
      curl -fs --connect-timeout 2 -m 10 -o /dev/null "$1"
    elif [ "$plain" ] && has perl; then
      perl -MIO::Socket::IP -e '
        alarm 10;
        my ($host, $port, $path) = $ARGV[0] =~ m{^http://(\[[^\]]*\]|[^/:]*)(?::(\d+))?(/.*)} or exit 1;
        (my $peer = $host) =~ tr/[]//d;
        my $socket = IO::Socket::IP->new(PeerHost => $peer, PeerPort => $port || 80, Timeout => 2) or exit 1;
        print $socket "GET $path HTTP/1.0\r\nHost: $host" . ($port ? ":$port" : "") . "\r\n\r\n";
        exit((<$socket> // "") =~ m{^HTTP/1\.\d 200 } ? 0 : 1);
      ' "$1"
    elif has python3; then
      python3 -c 'import sys, urllib.request as u; u.build_opener(u.ProxyHandler({})).open(sys.argv[1], timeout=5)' "$1"
    elif has node; then
      node -e '
        const [url] = process.argv.slice(-1);
        const asked = require(url.split(":")[0]).get(url, (answer) => process.exit(answer.statusCode === 200 ? 0 : 1));
        asked.on("error", () => process.exit(1));
        setTimeout(() => process.exit(1), 5000);
      ' "$1"
    elif has php; then
      php -r 'exit(file_get_contents($argv[1], false, stream_context_create(["http" => ["timeout" => 5]])) === false ? 1 : 0);' "$1"
    else
      # Busybox's ends with a segmentation fault where it is given -T.
      timeout 5 wget -q -O /dev/null "$1"
    fi || exit 1
  ) >/dev/null 2>&1
}
