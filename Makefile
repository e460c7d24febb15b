# PYTHON=python3.12 chooses the interpreter; ARGS="--backend golden" reaches the command.
PYTHON ?= python3
ARGS :=
VENV := .venv
# Named after the interpreter, so that another PYTHON makes the environment anew.
STAMP := $(VENV)/installed-by-$(subst /,_,$(PYTHON))

# Where pip finds builds of PyTorch without CUDA, which are gigabytes smaller.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
PEERS_STAMP := $(STAMP)-peers

.PHONY: help demo test test-long test-peers lint install clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

demo: $(STAMP) ## speak ten digits, run them on the simulated core, write demo-out/contact-sheet.png
	$(VENV)/bin/lifarray demo $(ARGS)

test: $(STAMP) lint ## lint, and every test that is not marked long
	$(VENV)/bin/python -m pytest -n 2 -m "not long" --ignore tests/peers $(ARGS)

test-long: $(STAMP) lint ## lint, and every test
	$(VENV)/bin/python -m pytest -n 2 --ignore tests/peers $(ARGS)

test-peers: $(PEERS_STAMP) ## networks trained in snnTorch and Norse, on the core; installs PyTorch
	$(VENV)/bin/python -m pytest tests/peers $(ARGS)

lint: $(STAMP) ## ruff
	$(VENV)/bin/ruff check --no-cache .

install: $(STAMP) ## only make the environment

clean: ## remove the environment and what commands wrote
	rm -rf $(VENV) demo-out synthesize-out build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# $(call require,TEST,WHAT IS WRONG): stop with one line unless the test passes.
require = @$(1) || { echo "lifarray: $(2)" >&2; exit 2; }
comma := ,

$(STAMP): pyproject.toml
	$(call require,command -v $(PYTHON) >/dev/null,$(PYTHON) is missing: sudo apt install python3 python3-venv)
	$(call require,$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3$(comma) 10))',$(PYTHON) is older than Python 3.10: install a newer one and name it$(comma) as in make demo PYTHON=python3.12)
	$(call require,$(PYTHON) -c 'import ensurepip$(comma) venv' 2>/dev/null,Python cannot make environments: sudo apt install python3-venv)
	$(call require,command -v g++ >/dev/null,g++ is missing: sudo apt install g++)
	$(call require,command -v perl >/dev/null,perl is missing: sudo apt install perl)
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/pip install --disable-pip-version-check --editable '.[test]'
	$(call require,$(VENV)/bin/find_libpython >/dev/null || $(fetch_libpython),the shared library of Python is missing: sudo apt install $(libpython))
	@touch $@

# cocotb loads Python into the simulator as a shared library. Debian keeps that in a package of its
# own, which a machine with nothing but python3 lacks; without root it is unpacked into the environment.
libpython = $$($(VENV)/bin/python -c 'import sys; print("libpython%d.%d" % sys.version_info[:2])')
fetch_libpython = (name=$(libpython) && cd $(VENV) && mkdir -p deb && cd deb && apt-get -qq download $$name \
    && dpkg-deb --extract $$name*.deb . && cp usr/lib/*/$$name.so.1.0 ../lib/$$name.so && cd .. && rm -r deb) 2>/dev/null

# The version of PyTorch is the one in pyproject.toml. Without its dependencies, or pip would look for
# each of them in that index too.
$(PEERS_STAMP): $(STAMP)
	$(VENV)/bin/pip install --disable-pip-version-check --no-deps --retries 1 --extra-index-url $(TORCH_INDEX) \
	    $$(sed -n 's/^ *"\(torch==[^"]*\)".*/\1/p' pyproject.toml)
	$(VENV)/bin/pip install --disable-pip-version-check --editable '.[test,peers]'
	@touch $@
