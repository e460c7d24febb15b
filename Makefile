# PYTHON=python3.12 chooses the interpreter; ARGS="--backend golden" reaches the command.
PYTHON ?= python3
ARGS :=
VENV := .venv
# Named after the interpreter, so that another PYTHON makes the environment anew.
STAMP := $(VENV)/installed-by-$(subst /,_,$(PYTHON))

# The address of PyTorch's index of CPU builds, which are gigabytes smaller; empty: pip's own choice.
TORCH_INDEX ?=
PEERS_STAMP := $(STAMP)-peers

.PHONY: help demo test test-long test-peers board-package netlists bitstreams test-board test-board-pynq30 test-board-pynq4 lint install clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' Makefile

demo: $(STAMP) ## speak ten digits, run them on the simulated core, write demo-out/contact-sheet.png
	$(VENV)/bin/lifarray demo $(ARGS)

test: $(STAMP) lint ## lint, and every test that is not marked long
	$(VENV)/bin/python -m pytest -n 2 --dist worksteal -m "not long" --ignore tests/peers $(ARGS)

test-long: $(STAMP) lint ## lint, and every test
	$(VENV)/bin/python -m pytest -n 2 --dist worksteal --ignore tests/peers $(ARGS)

test-peers: $(PEERS_STAMP) ## networks trained in snnTorch and Norse, on the core; installs PyTorch
	$(VENV)/bin/python -m pytest tests/peers $(ARGS)

board-package: $(STAMP) ## the wheel for a board, in dist/: with the bitstreams that lie in host/overlays, notebook and networks
	@ls host/overlays/*.bit 2>/dev/null || echo "host/overlays holds no bitstream: the wheel will bring none"
	rm -rf build
	$(VENV)/bin/pip wheel --disable-pip-version-check --no-deps --wheel-dir dist .
	rm -rf build

# openXC7's folder, if it is not on PATH: make bitstreams OPENXC7=/opt/openxc7
OPENXC7 :=

# A recipe that ends with the first bitstream that fails, but for the exit statuses $(1).
each_bitstream = for board in pynq-z1 pynq-z2; do for memory in ddr local; do \
	    $(VENV)/bin/lifarray bitstream --board $$board --memory $$memory --out bitstreams $(if $(OPENXC7),--openxc7 $(OPENXC7)) $(ARGS) $(1) || exit; \
	done; done

netlists: $(STAMP) ## of the PYNQ boards, with a small network run on each: what needs no openXC7, and is not done again by bitstreams
	$(call each_bitstream,|| [ $$? = 3 ])

bitstreams: $(STAMP) ## PYNQ bitstreams, of the board's memory and of block RAM, into host/overlays for board-package; needs openXC7
	$(call each_bitstream,)
	cp bitstreams/*.bit bitstreams/*.hwh bitstreams/*.json host/overlays/

# Environments of their own: pynq keeps NumPy and setuptools at versions of its own choice.
BOARD_TESTS := tests/host/test_hwh.py tests/host/test_driver.py tests/host/test_driver_sim.py tests/host/test_driver_local.py tests/host/test_notebook.py

test-board: BOARD_VENV := $(VENV)-board
test-board: BOARD_PACKAGES := '.[demo,notebook,sim,board]' pynq==3.1.2
test-board: ## the driver through pynq 3.1.2, the boards' last, on the simulated core; and the notebook
	$(test_with_pynq)

test-board-pynq30: BOARD_VENV := $(VENV)-board30
test-board-pynq30: BOARD_PACKAGES := '.[demo,notebook,sim,board]' pynq==3.0.1
test-board-pynq30: ## the same through pynq 3.0.1, that of the boards' image of 2022
	$(test_with_pynq)

test-board-pynq4: BOARD_VENV := $(VENV)-board4
test-board-pynq4: BOARD_PACKAGES := '.[demo,notebook,sim]' pynq==4.0.0 'pycparser<3' 'setuptools<=80'
test-board-pynq4: ## the same through pynq 4.0.0, which a computer can have
	$(test_with_pynq)

test_with_pynq = test -d $(BOARD_VENV) || $(PYTHON) -m venv $(BOARD_VENV); \
    $(BOARD_VENV)/bin/pip install --disable-pip-version-check --quiet --editable $(BOARD_PACKAGES) pytest pytest-timeout \
    && $(BOARD_VENV)/bin/python -m pytest $(BOARD_TESTS) $(ARGS)

lint: $(STAMP) ## ruff, and Verilator's lint of every configuration
	$(VENV)/bin/ruff check --no-cache .
	$(VENV)/bin/python -m lifarray.sim.lint

install: $(STAMP) ## only make the environment

clean: ## remove the environment and what commands wrote
	rm -rf $(VENV) demo-out synthesize-out bitstreams build dist *.egg-info .pytest_cache .ruff_cache
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
	$(VENV)/bin/pip install --disable-pip-version-check --no-deps $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
	    $$(sed -n 's/^ *"\(torch==[^"]*\)".*/\1/p' pyproject.toml)
	$(VENV)/bin/pip install --disable-pip-version-check --editable '.[test,peers]'
	@touch $@
