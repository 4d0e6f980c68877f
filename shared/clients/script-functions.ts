/**
 * What the scripts of setup-script.ts have in common: functions of sh (POSIX.1-2017, XCU 2) that remember what was there before, and put it back.
 * A client's part defines `want_N`, `get_N`, `set_N` and `unset_N` for each of its values, and calls `turn_on` or `turn_off` with their numbers and
 * the files that they write.
 */

/** Functions of both directions. */
const COMMON = `
say() { printf 'larder: %s\\n' "$*"; }
skip() { say "$*" >&2; exit 2; }
fail() { say "$*" >&2; exit 1; }
needs() { command -v "$1" >/dev/null 2>&1 || skip "$1 is not installed here"; }
now() { "get_$1" 2>/dev/null || :; }
# Whether each file is as the last run left it.
untouched() {
  [ -e "$kept/copies" ] || return 1
  n=0
  for file; do
    n=$((n + 1))
    if [ -e "$kept/after.$n" ]; then cmp -s "$kept/after.$n" "$file" || return 1
    elif [ -e "$file" ]; then return 1
    fi
  done
}`;

/** For values that are variables: a marked line each in the files that shells begin with. The first is made, of the others those are taken that are there. */
const VARIABLES = `
profiles() {
  case \${SHELL:-} in
    */zsh) "$@" "$HOME/.zshenv" "$HOME/.profile" "$HOME/.bash_profile" "$HOME/.bash_login" "$HOME/.bashrc" ;;
    *) "$@" "$HOME/.profile" "$HOME/.bash_profile" "$HOME/.bash_login" "$HOME/.bashrc" "$HOME/.zshenv" ;;
  esac
}
# By sed and byte for byte: a profile may be in any encoding, and grep takes what it cannot read for binary.
find_line() {
  begin=$1
  shift
  cat "$@" 2>/dev/null | LC_ALL=C sed -n "/^$begin.* # larder\\$/p" | tail -n 1
}
add_line() {
  line=$1 first=$2
  shift
  for file; do
    [ -e "$file" ] || [ "$file" = "$first" ] || continue
    [ ! -s "$file" ] || [ -z "$(tail -c 1 "$file")" ] || printf '\\n' >> "$file" || return 1
    printf '%s\\n' "$line" >> "$file" || return 1
  done
}
drop_lines() {
  begin=$1
  shift
  for file; do
    [ -e "$file" ] || continue
    rest=$(LC_ALL=C sed "/^$begin.* # larder\\$/d" "$file" && printf x) || return 1
    printf '%s' "\${rest%x}" > "$file" || return 1
  done
}`;

const ON = `
# Remembers what is there, unless that is what an earlier run of this left, or broke off at; then sets each value.
turn_on() {
  numbers=$1
  shift
  if [ ! -e "$kept/begun" ] && ! untouched "$@" && ! stands remembered; then
    rm -rf "$kept"
    (umask 077 && mkdir -p "$kept") || fail "$client: $kept cannot be written"
    if ! stands wanted; then
      : > "$kept/copies"
      copy before "$@"
      for i in $numbers; do now "$i" > "$kept/was.$i"; done
    fi
  fi
  { printf '' > "$kept/begun"; } 2>/dev/null || fail "$client: $kept cannot be written"
  for i in $numbers; do
    "set_$i" "$("want_$i")" >/dev/null || { settle "$@"; fail "$client: it could not be set; what it says is above"; }
    "want_$i" > "$kept/set.$i"
  done
  settle "$@"
  stands wanted || say "$client: set, but where this ran something else counts more (a file of the project, or a variable)"
  say "$client goes to $cache now$hint. Back: $back"
}
settle() {
  copy after "$@"
  rm -f "$kept/begun"
}
copy() {
  word=$1
  shift
  n=0
  [ -e "$kept/copies" ] || return 0
  for file; do
    n=$((n + 1))
    rm -f "$kept/$word.$n"
    [ ! -e "$file" ] || cp -p "$file" "$kept/$word.$n"
  done
}
# Whether the values in force are those that are wanted, or those that are remembered as set.
stands() {
  for i in $numbers; do
    if [ "$1" = wanted ]; then value=$("want_$i")
    else value=$(cat "$kept/set.$i" 2>/dev/null) || return 1
    fi
    [ "$(now "$i")" = "$value" ] || return 1
  done
}`;

const OFF = `
# Files that nobody touched since become what they were, byte for byte; else each value that is still the one that was set.
turn_off() {
  numbers=$1
  shift
  found=no
  if untouched "$@"; then
    n=0
    for file; do
      n=$((n + 1))
      cmp -s "$kept/before.$n" "$kept/after.$n" || [ ! -e "$kept/after.$n" ] || found=yes
      if cmp -s "$kept/before.$n" "$file"; then :
      elif [ -e "$kept/before.$n" ]; then cat "$kept/before.$n" > "$file" || fail "$client: $file cannot be written"
      else rm -f "$(readlink -f "$file" || printf %s "$file")" || fail "$client: $file cannot be removed"
      fi
    done
  fi
  [ "$found" = yes ] || for i in $numbers; do
    value=$(cat "$kept/set.$i" 2>/dev/null) || value=$("want_$i")
    case $(now "$i") in "$value" | "$("want_$i")") ;; *) continue ;; esac
    found=yes
    "unset_$i" >/dev/null || fail "$client: it could not be taken back; what it says is above"
    was=$(cat "$kept/was.$i" 2>/dev/null) || was=''
    [ -z "$was" ] || [ "$(now "$i")" = "$was" ] || "set_$i" "$was" >/dev/null
  done
  rm -rf "$kept"
  rmdir "$state" "\${state%/*}" 2>/dev/null
  if [ "$found" = yes ]; then say "$client is as it was before$hint"
  else say "$client does not go to $cache: left as it is"
  fi
}`;

/** @param variables whether any value is a variable @returns text that begins and ends without a line's end */
export function scriptFunctions({ undo, variables }: { readonly undo: boolean; readonly variables: boolean }): string {
  return [COMMON, ...(variables ? [VARIABLES] : []), undo ? OFF : ON].map((text) => text.trim()).join('\n');
}
