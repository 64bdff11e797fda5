# Each command makes its own .venv on first use, with the versions in constraints.txt: those that the tests were run with.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
BIN := $(VENV)/bin
LOWEST := .venv-lowest

.PHONY: demo test test-lowest test-cpus test-slow bench check clean

# Not with the lowest versions: datasets 4 and huggingface_hub 0.23 exclude each other.
$(READY): MORE := ,datasets
$(READY): constraints.txt
$(LOWEST)/.ready: constraints-lowest.txt
$(READY) $(LOWEST)/.ready: pyproject.toml
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(filter constraints%,$^) --editable '.[dev,hub$(MORE)]'
	touch $@

## demo: train and judge a GAN on real handwritten digits (a few minutes on two cores)
demo: DEMO := runs/demo-$(shell date +%Y%m%d-%H%M%S)
demo: $(READY)
	$(BIN)/python -m ganzoo fit --config recipes/demo --run $(DEMO)
	$(BIN)/python -m ganzoo test --ckpt_path $(DEMO)/checkpoints/best.ckpt

## check: formatting, lint, types
check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

## test: check, then the default suite
test: check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

## test-lowest: the default suite with the lowest versions that pyproject.toml allows, in a .venv-lowest of its own
test-lowest: $(LOWEST)/.ready
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -n 2 --dist loadfile

## test-cpus: the default suite with the kernels of older CPUs, and with two threads
# MKL obeys MKL_ENABLE_INSTRUCTIONS on Intel only, MKL_CBWR everywhere.
test-cpus: TEST := $(BIN)/python -m pytest --dist loadfile
test-cpus: $(READY)
	ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_CBWR=COMPATIBLE OMP_NUM_THREADS=1 $(TEST) -n 2
	ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 OMP_NUM_THREADS=1 $(TEST) -n 2
	OMP_NUM_THREADS=2 OMP_WAIT_POLICY=PASSIVE $(TEST) -n 1

## test-slow: the tests that take minutes
test-slow: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow

## bench: speed, as ratios measured in one run
bench: $(READY)
	for script in step data metrics startup; do OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.speed.$$script; done

clean:
	rm -rf $(VENV) $(LOWEST) runs
