# Larder. `make` prints what there is. Needs Node (see engines in package.json), npm and make; nothing else beforehand.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules
SHELL := /bin/sh
# c=<cache>, p=<package> and so on reach the program through the environment, so that nothing in them is read as shell.
c ?=
p ?=
i ?=
client ?=
scope ?=
with ?=
yes ?=
# Images with Node that `make images` builds the appliance's image on, one after the other.
BASES ?= node:22-slim node:22-bookworm node:22-alpine
export c p i client scope with yes BASES

ifeq ($(wildcard shared/cli/prepare.cjs),)
$(error larder: run make in the folder of the clone, or make -C $(dir $(lastword $(MAKEFILE_LIST))))
endif
# `make start npm` and `make stop C=npm` would be about every cache, and only afterwards it would be said that there is no target npm.
UNKNOWN := $(filter-out logs-% $(shell sed -n 's/^\([a-z][a-z0-9 -]*\):.*/\1/p' Makefile),$(MAKECMDGOALS))
MISSPELT := $(filter C=% P=% I=% cache=% CACHE=% package=% image=%,$(MAKEOVERRIDES))
ifneq ($(UNKNOWN),)
$(error larder: there is no command $(firstword $(UNKNOWN)); see make. A cache is named so: c=npm)
endif
ifneq ($(MISSPELT),)
$(error larder: $(firstword $(MISSPELT)) is not understood; write c=<cache>, p=<package>, i=<image>)
endif

LARDER = node shared/cli/make.cjs
JEST = node --experimental-vm-modules --no-warnings node_modules/jest/bin/jest.js

##: Using the caches (c=<cache>; without it all of CACHES)
start: runnable ## start in the background, and print how to use it
	@$(LARDER) start "c=$$c" "scope=$$scope" "with=$$with"
stop: built ## stop
	@$(LARDER) stop "c=$$c" "scope=$$scope" "with=$$with"
restart: runnable ## stop, then start
	@$(LARDER) restart "c=$$c" "scope=$$scope" "with=$$with"
status: built ## what runs, hits, misses, bytes held
	@$(LARDER) status "c=$$c" "scope=$$scope" "with=$$with"
logs: built ## follow the log; logs-<cache> is the same
	@$(LARDER) logs "c=$$c" "scope=$$scope" "with=$$with"
logs-%: built
	@$(LARDER) logs "c=$*" "scope=$$scope" "with=$$with"

##: In containers: with=compose (or WITH=compose in .env) for the commands above, and
update: runnable ## a new image; what runs is replaced by it, one cache after the other
	@$(LARDER) update "c=$$c"
down: built ## take the containers away; what they stored stays
	@$(LARDER) down "c=$$c"
destroy: built ## the same, and all that they stored (asks first; yes=1 does not)
	@$(LARDER) destroy "c=$$c" "yes=$$yes"
network: runnable ## make the network that a reverse proxy finds the caches in
	@$(LARDER) network
images: runnable ## build the image on each of BASES, and say what it adds to it
	@$(LARDER) images
.PHONY: update down destroy network images

##: Pointing clients at them (client=NAME: one of them)
client: built ## print how this machine is set up: to read, or make -s client | sh
	@$(LARDER) client "c=$$c" "client=$$client"
unclient: built ## take that back
	@$(LARDER) unclient "c=$$c" "client=$$client"
env: built ## the same for one shell: eval "$(make -s env)"
	@$(LARDER) env "c=$$c" "client=$$client"
unenv: built ## and back: eval "$(make -s unenv)"
	@$(LARDER) unenv "c=$$c" "client=$$client"
.PHONY: client unclient env unenv

##: Container images (make build i=<image>: it uses the caches; make clean i=<image>: as it was)
rebuild: ready ## build i=<image> anew
	@$(LARDER) rebuild "i=$$i"
hosts: built ## lines for /etc/hosts and dnsmasq, with the caches' names
	@$(LARDER) hosts "c=$$c"

##: Running under a supervisor
start-service: runnable ## run one cache in the foreground
	@name=$$($(LARDER) service-name "c=$$c") && exec node dist/shared/main.js "$$name"
stop-service: stop ## stop it

##: Woken by systemd's sockets (as root for the machine, else for you; scope=system or scope=user says which)
install-sockets: runnable ## systemd listens and starts caches when somebody comes; again after a change of settings
	@$(LARDER) install-sockets "c=$$c" "scope=$$scope" "with=$$with"
uninstall-sockets: built ## no longer; the store stays
	@$(LARDER) uninstall-sockets "c=$$c" "scope=$$scope" "with=$$with"
install: runnable ## copy the program to PREFIX (/usr/local/lib/larder), for the machine
	@$(LARDER) install "scope=$$scope"
upgrade: runnable ## run this clone's version from now on; no request fails
	@$(LARDER) upgrade "scope=$$scope"
rollback: built ## run the version before again
	@$(LARDER) rollback "scope=$$scope"
uninstall: built ## remove all that was installed for the machine; the store stays
	@$(LARDER) uninstall "scope=$$scope"
.PHONY: install-sockets uninstall-sockets install upgrade rollback uninstall

##: Looking after them
config: built ## check the settings and print them, secrets hidden
	@$(LARDER) config "c=$$c" "scope=$$scope"
purge: built ## forget everything held of p=<package>
	@$(LARDER) purge "c=$$c" "p=$$p" "scope=$$scope" "with=$$with"
gc: built ## bring the store within its limits now
	@$(LARDER) gc "c=$$c" "scope=$$scope" "with=$$with"
reset-guard: built ## accept older or badly signed lists of archives once more
	@$(LARDER) reset-guard "c=$$c" "scope=$$scope" "with=$$with"

##: Working on Larder
build: ready ## install the locked dependencies and compile; with i=<image>: see above
	@[ -z "$$i" ] || $(LARDER) build "i=$$i"
test: ready ## every test, with real clients
	@$(JEST) $(JEST_ARGS)
e2e: ready ## the long runs with real clients too: hundreds of packages, a whole Debian
	@LARDER_E2E=1 LARDER_APT_UPDATES=23 $(JEST) $(JEST_ARGS) shared/testing/clients/
# Made by root, in a network of its own; what it makes once (a Debian, programs that are not installed) stays in E2E_CACHE.
E2E_CACHE = $${XDG_CACHE_HOME:-$$HOME/.cache}/larder-e2e-docker
ENGINE = $(CURDIR)/dist/shared/testing/docker
e2e-docker: ready ## with a real Docker engine: the image, compose, images that use the caches
	@sh shared/testing/docker/install.sh "$(E2E_CACHE)/programs"
	@LARDER_E2E_DOCKER=1 $(JEST) -i --globalSetup="$(ENGINE)/global-setup.js" --globalTeardown="$(ENGINE)/global-teardown.js" $(JEST_ARGS) shared/testing/docker/
e2e-systemd: ready ## with a real systemd, on machines of the tests' own: sockets, faults, upgrades
	@sh shared/testing/docker/install.sh "$(E2E_CACHE)/programs"
	@LARDER_E2E_PROGRAMS="$(E2E_CACHE)/programs" sh shared/testing/systemd/sealed.sh $(JEST) $(JEST_ARGS) shared/testing/systemd/
check: ready ## types, lint, format, dead code, walls, documents
	@node shared/cli/check.cjs
bench: ready ## measure, beside nginx; writes docs/performance.md
	@node dist/shared/bench/main.js
docs: ready ## write the generated documents
	@$(LARDER) docs
clean: $(if $(i),built) ## remove what was built (settings, store and logs stay); with i=<image>: see above
	@if [ -n "$$i" ]; then $(LARDER) clean "i=$$i"; else rm -rf dist; fi

help:
	@awk 'BEGIN { FS = ":.*## " } /^##: / { printf "\n%s\n", substr($$0, 5) } /^[a-z0-9-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' Makefile
	@printf '\nSettings: copy .env.example to .env. More: README.md and docs/\n'

# Dependencies and build, each only when something changed: of everything, or (runnable) of what a start needs.
ready runnable: node
	@node shared/cli/prepare.cjs $(if $(filter runnable,$@),start)
# As it was last built: stopping and looking must not depend on the network.
built: node
	@[ -e dist/.sources ] || [ -e dist/.sources-start ] || $(MAKE) runnable >&2
node:
	@command -v node >/dev/null 2>&1 || { echo 'larder: Node is not installed, or not in PATH ($(if $(SUDO_USER),sudo has a PATH of its own,get it from nodejs.org)); needed are the versions of engines in package.json' >&2; exit 1; }

.PHONY: rebuild hosts start stop restart status logs start-service stop-service config purge gc reset-guard build test e2e e2e-docker e2e-systemd check bench docs clean help ready runnable built node
