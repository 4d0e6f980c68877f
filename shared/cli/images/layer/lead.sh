# What the programs of this folder share.
. "{layer}/reach.sh"

# place CACHE: sets `place` to the folder for the first address at which the cache answers, or to '' if none does or LARDER=off. What a program
# found is handed on to all that it starts.
place() {
  place=
  case ${LARDER-} in off | no | 0 | false) return 0 ;; esac
  eval "place=\${LARDER_PLACE_$1-unknown}"
  if [ "$place" = unknown ]; then
    place=
    for folder in "{layer}"/[0-9]/"$1"; do
      read -r base <"$folder/base" && reaches "$base/_cache/health" && place=$folder && break
    done
    [ "$place" ] || echo "larder: no $1 cache answers at $base: it goes without (LARDER=off: do not ask)" >&2
    eval "LARDER_PLACE_$1=\$place"
    export "LARDER_PLACE_$1"
  fi
  [ -z "$place" ] || past_proxy
}

# Where there is a proxy for the outside, the cache is not asked by way of it.
past_proxy() {
  [ "${http_proxy-}${https_proxy-}${all_proxy-}${HTTP_PROXY-}${HTTPS_PROXY-}${ALL_PROXY-}" ] || return 0
  read -r base <"$place/base"
  host=${base#*://}
  host=${host%%[:/]*}
  case ",${no_proxy-}," in *",$host,"*) return 0 ;; esac
  no_proxy=${no_proxy:-${NO_PROXY-}}
  no_proxy=${no_proxy:+$no_proxy,}$host
  NO_PROXY=$no_proxy
  export no_proxy NO_PROXY
}
