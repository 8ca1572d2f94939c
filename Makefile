# SPDX-License-Identifier: Apache-2.0
# The same commands as `python3 dev.py COMMAND`, for people who like make. ARGS="..." is handed on.
PYTHON ?= python3
COMMANDS := demo test check run lint format types contracts unit lab bench docs texts lock setup

.PHONY: help $(COMMANDS)
help:
	@$(PYTHON) dev.py

$(COMMANDS):
	@$(PYTHON) dev.py $@ $(ARGS)
