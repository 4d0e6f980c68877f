export REMOTE_STORE="${REMOTE_STORE={base}}"
# aliBuild itself knows no variable for it.
case "$program ${1-} $*" in
*--remote-store* | *--no-remote-store*) ;;
"aliBuild build "*)
  shift
  set -- build --remote-store "{base}" "$@"
  ;;
esac
