"""The contract against the running programs: a client that is generated from it, and schemathesis.

usage: run.py <directory of the programs> [client | fuzz [arguments of schemathesis]]
"""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fuzz
from stage import ROOT, Stage

HERE = Path(__file__).resolve().parent
SCRATCH = ROOT / ".build" / "contract"
PACKAGE = "kick_gateway_client"


def main() -> int:
    programs, only, rest = Path(sys.argv[1]).resolve(), sys.argv[2:3], sys.argv[3:]
    # Ends the programs also when somebody ends this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    start = time.monotonic()
    SCRATCH.mkdir(parents=True, exist_ok=True)
    generate()
    stage = Stage(programs)
    failed = []
    try:
        if only != ["fuzz"] and run_client(stage):
            failed.append("the generated client")
        if only != ["client"] and fuzz.run(stage, SCRATCH, rest):
            failed.append("schemathesis")
        failed += [f"the gateway logged an error: {line}" for line in stage.errors()[:20]]
        failed += stage.leaks()
    finally:
        stage.close()
    print(f"contract: {time.monotonic() - start:.0f} s", *(f"failed: {what}" for what in failed), sep="\n")
    return int(bool(failed))


def generate() -> None:
    """Makes a client from the contract. A generator that leaves something out says so."""
    (SCRATCH / "generator.yaml").write_text(f"package_name_override: {PACKAGE}\npost_hooks: []\n")
    shutil.rmtree(SCRATCH / PACKAGE, ignore_errors=True)
    made = subprocess.run(
        [
            Path(sys.executable).parent / "openapi-python-client", "generate", "--path", ROOT / "openapi/openapi.json",
            "--config", SCRATCH / "generator.yaml", "--meta", "none", "--output-path", SCRATCH / PACKAGE,
            "--fail-on-warning",
        ],
        capture_output=True, text=True)
    if made.returncode or "warning" in made.stdout.lower():
        sys.exit("no client can be generated from the contract:\n" + made.stdout + made.stderr)
    print(f"contract: generated {len(list((SCRATCH / PACKAGE / 'api').rglob('[a-z]*.py')))} operations")


def run_client(stage: Stage) -> int:
    sys.path.insert(0, str(SCRATCH))
    Stage.running = stage
    return pytest.main([
        *(str(HERE / f"test_{name}.py") for name in ("examples", "client", "operations")), "-q", "-W", "ignore",
        *(word for plugin in ("cacheprovider", "schemathesis", "anyio") for word in ("-p", f"no:{plugin}")),
        f"--rootdir={HERE}",
    ])


if __name__ == "__main__":
    sys.exit(main())
