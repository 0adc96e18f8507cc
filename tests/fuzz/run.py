"""Run the fuzzers: `tox -e fuzz -- --seconds 3600`, or by hand with an installed core of build mode "fuzz".

Both targets run side by side, under address and undefined-behaviour sanitizers, from the corpus in
tests/fuzz/corpus (a file a target, an input a line, in hexadecimal) and what earlier runs found (build/fuzz).
Needs clang and its run-time library (Debian: clang, libclang-rt-14-dev).  What is found is an input in
build/fuzz/findings: give it to build/fuzz/TARGET as argument to see it again.
"""
import argparse
import gc
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORK = ROOT / "build" / "fuzz"
TARGETS = {"packets": 1200, "operations": 400}           # and the most bytes of an input
ENVIRONMENT = {
    # Where memory was allocated is not noted: that costs more than all else.  A finding is played again with
    # PYSCTPSOCK_FUZZ_ASAN=malloc_context_size=30 to see it.
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:verify_asan_link_order=0:"
                    "malloc_context_size=0:quarantine_size_mb=16:$PYSCTPSOCK_FUZZ_ASAN",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    # Python's own allocator: what the core reads lies in blocks of malloc (cy/stage.pyx), as do its tables.
    "PYTHONMALLOC": "pymalloc",
}


def runtime():
    """The folder of clang's run-time libraries."""
    command = [os.environ.get("CLANG", "clang"), "-print-runtime-dir"]
    return Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


def prepare():
    """Compile the driver and write a program for each target."""
    WORK.mkdir(parents=True, exist_ok=True)
    driver, machine = WORK / "driver.so", os.uname().machine
    fuzzer = runtime() / f"libclang_rt.fuzzer_no_main-{machine}.a"
    sanitizer = runtime() / f"libclang_rt.asan-{machine}.so"
    subprocess.run([os.environ.get("CLANG", "clang"), "-O2", "-Wall", "-shared", "-fPIC",
                    f"-I{sysconfig.get_paths()['include']}", "-o", driver, HERE / "driver.c", fuzzer,
                    "-lstdc++", "-lm", "-ldl", "-lpthread"], check=True)
    settings = " ".join(f'{name}="{value}"' for name, value in ENVIRONMENT.items())
    for target in TARGETS:
        # The driver first: the sanitizer's library has empty functions of the same names.
        program, fresh = WORK / target, WORK / f"{target}.{os.getpid()}"
        fresh.write_text(f'#!/bin/sh\n# Made by {Path(__file__).name}.\nulimit -c 0\n'
                         f'LD_PRELOAD="{driver} {sanitizer}" {settings} exec {sys.executable} '
                         f'{HERE / "run.py"} --inside {target} "$0" "$@"\n')
        fresh.chmod(0o755)
        fresh.replace(program)               # another run may be using the old one


def inside(target, arguments):
    """In the program of a target: hand over to libFuzzer."""
    del os.environ["LD_PRELOAD"]             # not for what libFuzzer starts
    sys.path[:0] = [str(HERE), str(HERE.parent / "support"), str(WORK)]
    import driver
    import targets
    targets.call = driver.traced
    gc.collect()
    gc.freeze()                              # the collector looks at what a scene makes, and at nothing else
    driver.run(arguments, getattr(targets, target))


def kept(target):
    """The committed corpus of a target as the folder that libFuzzer wants."""
    folder = WORK / "kept" / target
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for line in (HERE / "corpus" / f"{target}.hex").read_text().split():
        data = bytes.fromhex(line)
        (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)
    return folder


def start(target, options):
    """Begin to fuzz; the process."""
    grown = WORK / "corpus" / target
    findings = WORK / "findings"
    for folder in (grown, findings):
        folder.mkdir(parents=True, exist_ok=True)
    command = [WORK / target, f"-max_total_time={options.seconds}", f"-max_len={TARGETS[target]}",
               "-len_control=10",
               "-entropic=0",            # so many features that it would spend its time on statistics
               "-timeout=60", "-rss_limit_mb=3000", "-print_final_stats=1",
               f"-artifact_prefix={findings}/{target}-", grown, kept(target)]
    with open(WORK / f"{target}.log", "w") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


def merge(target):
    """Make the kept corpus anew: few and small inputs that reach all that old and new ones reach."""
    fresh = WORK / "merged" / target
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    subprocess.run([WORK / target, "-merge=1", "-use_counters=0", f"-max_len={TARGETS[target]}", fresh,
                    kept(target), WORK / "corpus" / target], check=True)
    inputs = sorted((path.read_bytes() for path in fresh.iterdir()), key=lambda data: (len(data), data))
    (HERE / "corpus" / f"{target}.hex").write_text("".join(f"{data.hex()}\n" for data in inputs if data))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one")
    parser.add_argument("--merge", action="store_true",
                        help="do not run: make tests/fuzz/corpus anew from itself and what was found")
    options = parser.parse_args()
    chosen = options.target or list(TARGETS)
    prepare()
    if options.merge:
        for target in chosen:
            merge(target)
        return 0
    running = {target: start(target, options) for target in chosen}
    status = 0
    for target, process in running.items():
        status |= process.wait()
        print(f"{target}: exit status {process.returncode}, {WORK / target}.log ends with")
        print((WORK / f"{target}.log").read_text(errors="replace")[-1500:])
    return 1 if status else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2], sys.argv[3:])
    sys.exit(main())
