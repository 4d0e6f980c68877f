# Leads a uv.lock through the cache, for uv sync --frozen, which goes where the lock says:
#   sed -i -f uv-lock-to-cache.sed uv.lock
# {index} is the index as it stands in the lock, {files} scheme and host of the files in it.
s|"{index}/*"|"{base}/simple/"|
s|"{files}/packages/|"{base}/packages/|g
