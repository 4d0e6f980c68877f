# The weakest of npm's files: whatever else is set for npm wins. Where the image has such a file of its own, npm is not led.
own=${NPM_CONFIG_GLOBALCONFIG-}${npm_config_globalconfig-}
for file in /etc/npmrc /usr/etc/npmrc /usr/local/etc/npmrc; do
  [ ! -e "$file" ] || own=$file
done
[ "$own" ] || export NPM_CONFIG_GLOBALCONFIG="{here}/npmrc"
