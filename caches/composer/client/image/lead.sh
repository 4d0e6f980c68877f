# Composer knows no variable for it, and no other file: it is laid down while the cache answers, unless there is one.
. "{layer}/without/composer/lead.sh"
[ -e "$home/config.json" ] || { mkdir -p "$home" && cp "{here}/config.json" "$home/config.json"; } 2>/dev/null || :
