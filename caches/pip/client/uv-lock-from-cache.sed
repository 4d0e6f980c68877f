# Leads a uv.lock that was written through the cache past it:
#   sed -i -f uv-lock-from-cache.sed uv.lock
# {index} is the index, {files} scheme and host where it has its files.
s|"{base}/simple/*"|"{index}"|
s|"{base}/packages/|"{files}/packages/|g
