# What an image has: $1 programs, $2 names of hosts, $3 URLs; prints a line for each that is there, resolves, is answered.
for program in $1; do
  ! has "$program" || echo "program $program"
done
resolves() { if has timeout; then timeout 3 getent hosts "$1"; else getent hosts "$1"; fi >/dev/null 2>&1; }
for name in $2; do
  { ! resolves "$name" || echo "resolves $name"; } &
done
for url in $3; do
  { ! reaches "$url" || echo "reaches $url"; } &
done
wait
