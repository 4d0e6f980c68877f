# The weakest of pip's files, pip/pip.conf in {above}: whatever else is set for pip wins.
case ":${XDG_CONFIG_DIRS-}:" in
*":{above}:"*) ;;
*) export XDG_CONFIG_DIRS="{above}:${XDG_CONFIG_DIRS:-/etc/xdg}" ;;
esac
