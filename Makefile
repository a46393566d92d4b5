# Everything happens in dev.py, so that Windows has the same targets: py dev.py demo
PYTHON ?= python3

.PHONY: setup demo test test-slow lint lock
setup demo test test-slow lint lock:
	@$(PYTHON) dev.py $@
