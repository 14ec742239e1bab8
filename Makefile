# Every command a person types; `make` alone lists them. Each is a thin call of
# `python -m testiculus ...`, which serves by itself where there is no make. GNU make >= 3.81.
.DEFAULT_GOAL := help
.SUFFIXES:
.PHONY: help setup wheelhouse reproduce-all test lint format lock calibrate import encoders generated audit claims book site serve lab bench clean

#? PROFILE      smoke, demo, lite or paper: how much is computed (demo; lite with a GPU)
#? DATA         a manifest (CSV) of your own images, instead of the phantom
#? VARIANT      article, thesis or released: whose settings, where the sources differ
#? DEVICE       auto, cpu, cuda or cuda:1 (auto: a GPU where there is one)
#? UNLABELLED   further manifests to pretrain on (Tables 2 and 4), with commas between them
#? SYNTHETIC    a manifest of generated images, instead of a generator trained here (Fig. 4, Table 3)
#? EXCLUDE_TEST EXCLUDE_TEST=1 also pretrains without the test patients (Table 2)
#? SEEDS        how many seeds (4), or which (0,1,2), instead of the profile's
#? RESULTS      folder for results, instead of results/
#? P            any other parameters of one notebook: P="name=value name=value"
#? ESTIMATE     ESTIMATE=1 says what a run, all runs or an audit will cost, and stops
#? ARGS         further words for import, encoders, generated, audit, claims, test and bench: ARGS="-k folds"
#? PORT         the port of make serve
#? WHEELS       folder of wheels: made by make wheelhouse, used by make setup
#? TORCH_INDEX  address of another index for torch and torchvision alone (CPU-only builds)
#? PYTHON       the Python 3.11 or 3.12 that .venv is made with
VARIABLES := PROFILE DATA UNLABELLED SYNTHETIC EXCLUDE_TEST VARIANT DEVICE SEEDS RESULTS P ESTIMATE ARGS PORT WHEELS TORCH_INDEX PYTHON

# A name given to make that is none of these would be ignored without a word: it stops everything.
# The environment may hold what it likes. Below another make nothing is asked, for what was typed
# for that one comes along in MAKEFLAGS. RUN is for the tests, the others are make's own.
given = $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
unknown := $(if $(filter 0,$(or $(MAKELEVEL),0)),$(filter-out $(VARIABLES) RUN SHELL MAKE%,$(given)))

# What a person typed reaches a command as one quoted word, never as make's or the shell's code:
# $(value) does not expand it, `quote` guards the shell, unexport keeps make from expanding it for
# the environment. ARGS holds several words: xargs splits them, and knows quotes alone.
unexport $(VARIABLES)
define newline


endef
define complaint
unknown variable: $(unknown)
  allowed: $(VARIABLES)
  remedy:  a parameter of the notebook goes into P, as in P="name=value"; `make` lists the rest

endef
$(if $(unknown),$(error $(complaint)))
one_line = $(if $(findstring $(newline),$(1)),$(error a value must be one line: $(1)),$(1))
quote = '$(subst ','\'',$(call one_line,$(1)))'
option = $(if $(strip $(value $(2))), $(1) $(call quote,$(value $(2))))
parameter = $(if $(strip $(value $(2))), -p $(call quote,$(1)="$(value $(2))"))
typed = $(if $(strip $(value $(1))),printf '%s\n' $(call quote,$(value $(1))) | xargs )

RUN = .venv/bin/python -m testiculus

# Before there is an environment: the first Python of the right version that really runs.
PYTHONS = $(if $(strip $(value PYTHON)),$(call quote,$(value PYTHON)),.venv/bin/python python3 python3.12 python3.11 python)
VERSION_FITS = import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))
BARE = for python in $(PYTHONS); do \
	  if "$$python" -c '$(VERSION_FITS)' 2>/dev/null; then exec "$$python" -m testiculus $(1); fi; \
	done; \
	echo 'error: no Python 3.11 or 3.12 was found; tried:' $(PYTHONS) >&2; \
	echo '  remedy: install one, or name it: make setup PYTHON=/path/to/python3.12' >&2; \
	exit 2

ONLY_ESTIMATE = $(if $(filter-out 0,$(strip $(value ESTIMATE))), --estimate)
RUN_OPTIONS = $(call option,--profile,PROFILE)$(call option,--data,DATA)$(call option,--variant,VARIANT)$(call option,--device,DEVICE)$(call option,--seeds,SEEDS)$(call option,--results,RESULTS)$(ONLY_ESTIMATE)
PARAMETERS = $(call parameter,unlabelled,UNLABELLED)$(call parameter,synthetic,SYNTHETIC)$(call parameter,exclude_test,EXCLUDE_TEST)$(call option,-p,P)

help: ## list the commands and the variables
	@echo 'usage: make COMMAND [VARIABLE=value ...]'
	@echo
	@awk -F ':.*## ' '/^[a-z][a-z0-9%-]*:.*## / { sub(/%/, "table1", $$1); printf "  %-18s %s\n", $$1, $$2 }' Makefile
	@echo
	@sed -n 's/^#?/ /p' Makefile

setup: ## install the locked packages into .venv (every command below does this when needed)
	@$(call BARE,setup$(call option,--wheels,WHEELS)$(call option,--torch-index,TORCH_INDEX))

wheelhouse: ## download what setup needs, for a machine without internet
	@$(call BARE,wheelhouse$(call option,,WHEELS)$(call option,--torch-index,TORCH_INDEX))

reproduce-%: setup ## run an experiment: notebook, results, table, verdicts
	@$(RUN) reproduce $(call quote,$*)$(RUN_OPTIONS)$(PARAMETERS)

reproduce-all: setup ## run the six of the article one after another, past one that fails
	@$(RUN) reproduce all$(RUN_OPTIONS)$(PARAMETERS)

import: setup ## turn raw images into a manifest: ARGS="folder --help"
	@$(call typed,ARGS)$(RUN) import$(if $(strip $(value ARGS)),, --help)

audit: setup ## look for copies, confounds, marks and uneven classes in the images of DATA
	@$(call typed,ARGS)$(RUN) audit$(call option,--data,DATA)$(call option,--results,RESULTS)$(ONLY_ESTIMATE)

claims: setup ## print what holds of what the sources say; ARGS="--verdict contradicted" chooses
	@$(call typed,ARGS)$(RUN) claims$(call option,--results,RESULTS)

book: setup ## build the book from the results, warnings as errors
	@$(RUN) book

site: setup ## pack the book as one file for readers, without results of your own data
	@$(RUN) site

serve: setup ## show the built book on localhost
	@$(RUN) serve$(call option,--port,PORT)

lab: setup ## open JupyterLab on copies of the notebooks (.runs/lab, ignored by git)
	@$(RUN) lab

test: setup ## run the tests (no network, results/ untouched)
	@$(call typed,ARGS)$(RUN) test -- -n 2

bench: setup ## time training and its parts on this machine
	@$(call typed,ARGS)$(RUN) bench

encoders: setup ## list the pretrained encoders; ARGS="--copy KEY --to FILE.safetensors" copies one
	@$(call typed,ARGS)$(RUN) encoders

generated: setup ## list the generated image sets; ARGS="--copy KEY --to DIR" writes one as PNGs
	@$(call typed,ARGS)$(RUN) generated

calibrate: setup ## measure how hard the phantom is, on its true labels
	@$(RUN) calibrate$(call option,--profile,PROFILE)$(call option,--device,DEVICE)

lint: setup ## check style and structure
	@$(RUN) lint

format: setup ## format the code
	@$(RUN) format

lock: ## resolve pyproject.toml into requirements.lock and environment.yml (needs uv)
	@$(call BARE,lock)

clean: ## remove caches and the built book; .venv, .runs and results stay
	@rm -rf .cache _build book/generated build testiculus.egg-info
	@rm -rf .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find testiculus tests -name __pycache__ -type d -prune -exec rm -rf {} +
