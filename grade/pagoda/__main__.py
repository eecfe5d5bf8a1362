"""The commands behind `make test`, `make features`, `make mutants`, `make check-floors`, `make bench` and the longer checks."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from . import bench, boots, children, coverage, features, floors, fuzz, grade, mutants, qemu, repeats, run, throughput, typed
from .discover import ON_HOST, BadTest, Test, discover, picked
from .gcov import GcovError
from .tree import SANITIZERS, BuildError, Tree, find_root


def main() -> int:
    parser = argparse.ArgumentParser(prog="pagoda", description=__doc__)
    parser.add_argument("--root", type=Path, default=None, help="the tree, when it is not this file's")
    parser.add_argument("--config", default="debug", choices=("debug", "release"))
    parser.add_argument("--audit", action="store_true", help="the kernel that audits after each fault")
    parser.add_argument("--sanitize", type=sanitizers, default=(), metavar="KINDS", help="the kernel that checks itself: address,undefined")
    commands = parser.add_subparsers(dest="command", required=True)

    test = commands.add_parser("test", help="run tests")
    test.add_argument("--only", default="", help="patterns or parts of names")
    test.add_argument("--seed", type=typed.seed, default=None)
    test.add_argument("--harts", type=typed.harts, default=None)
    test.add_argument("--ram", default=None, help="QEMU's -m, for all")
    test.add_argument("--disk", action="store_true", help="from a virtio disk, with real parallelism")
    test.add_argument("--list", action="store_true", help="name them and run none")

    rows = commands.add_parser("features", help="rows, with what shows them")
    rows.add_argument("--require", default="", help="rows that must be done; what is missing is run")
    mutant = commands.add_parser("mutants", help="try the known wrong answers")
    mutant.add_argument("--only", default="")
    floor = commands.add_parser("floors", help="check kernel/FLOORS")
    floor.add_argument("--cc", required=True)
    floor.add_argument("--nm", required=True)
    floor.add_argument("--flags", required=True)
    floor.add_argument("objects", nargs="+")
    commands.add_parser("bench", help="instructions of each operation")
    commands.add_parser("throughput", help="faults of several at once, with waits for locks")
    commands.add_parser("boots", help="a shell on 1, 3 and 8 harts, with 16M and 1G")
    commands.add_parser("repeats", help="one seed is one run, two seeds are two schedules")
    coverage.arguments(commands)
    fuzz.arguments(commands)
    grade.arguments(commands)
    command = commands.add_parser("command", help="the QEMU command line of a test")
    command.add_argument("name")

    args = parser.parse_args()
    tree = Tree(find_root(args.root).resolve(), args.config, args.audit, coverage=args.command == "coverage", sanitize=args.sanitize)
    try:
        if args.command == "test":
            choice = run.Choice(args.seed, args.harts, args.ram, args.disk)
            return run_tests(tree, args.only, choice, args.list)
        if args.command == "features":
            return show_features(tree, args.require.replace(",", " ").split())
        if args.command == "mutants":
            return run_mutants(tree, args.only)
        if args.command == "floors":
            return check_floors(tree, args.cc, args.nm, args.flags.split(), args.objects)
        if args.command == "bench":
            return bench.bench(tree)
        if args.command == "throughput":
            return throughput.throughput(tree)
        if args.command == "boots":
            tree.make([tree.relative(tree.kernel), tree.relative(tree.build / "fs.img")])
            return tell_all([*boots.machines(tree), *boots.refused(tree), boots.programs(tree)])
        if args.command == "repeats":
            return tell_all(repeats.check(tree))
        if args.command == "coverage":
            return run_coverage(tree, args)
        if args.command in ("fuzz", "sweep"):
            return fuzz.main(args, tree)
        if args.command in ("grade", "replay", "debug"):
            return grade.main(args, tree)
        return show_command(tree, args.name)
    except (BadTest, mutants.BadMutant, floors.BadFloors, GcovError) as error:
        print(f"pagoda: {error}", file=sys.stderr)
        return 2
    except BuildError as error:
        print(f"pagoda: the build fails:\n{error}", file=sys.stderr)
        return 2


def sanitizers(text: str) -> Tuple[str, ...]:
    """address,undefined as a tree names them."""
    kinds = tuple(sorted(set(text.split(","))))
    if not set(kinds) <= set(SANITIZERS):
        raise argparse.ArgumentTypeError(f"{' or '.join(SANITIZERS)}, with commas, not {text!r}")
    return kinds


def results_path(tree: Tree) -> Path:
    return tree.root / "build" / "test" / "results.json"


def outcomes_path(tree: Tree) -> Path:
    return tree.root / "build" / "test" / "mutants.json"


# ---- test


def run_tests(tree: Tree, only: str, choice: run.Choice, listing: bool) -> int:
    found, offered = discover(tree.root), run.tools_of(tree)
    names = picked([test.name for test in found] + list(offered), only)
    tests = [test for test in found if test.name in names and run.fits(tree, test, choice)]
    tools = [name for name in offered if name in names]
    if listing:
        for test in tests:
            print(f"{test.name:40} {' '.join(test.rows):12} {test.shows}")
        return 0
    results = run_chosen(tree, tests, tools, choice)
    if not results:
        print(f"no test matches {only!r}")
        return 2
    plain = choice == run.Choice(choice.seed, choice.harts)
    if plain and tree.config == "debug" and not tree.audit and not tree.sanitize:
        run.save(results_path(tree), run.state(tree), results)
    return finish(results)


def run_chosen(tree: Tree, tests: Sequence[Test], tools: Sequence[str], choice: run.Choice) -> List[run.Result]:
    """Builds kind by kind, so that a broken build of one leaves the others their verdicts, and runs."""
    results: List[run.Result] = []
    runnable: List[Test] = []
    for kinds in (ON_HOST, ("ktest", "user")):
        chosen = [test for test in tests if test.kind in kinds]
        if chosen:
            print(f"building for {len(chosen)} {' and '.join(kinds)} tests", flush=True)
        try:
            run.build_for(tree, chosen)
            runnable += chosen
        except BuildError as error:
            results.append(run.failed_build(f"build.{kinds[0]}", error))
            run.tell_line(results[-1])
    with tree.freeze() as frozen:
        jobs = [run.tool_job(tree, name) for name in tools] + run.plan(frozen, runnable, choice)
        return results + run.execute(jobs, run.tell_line)


def tell_all(results: Sequence[run.Result]) -> int:
    for one in results:
        run.tell_line(one)
    return finish(results)


def finish(results: Sequence[run.Result]) -> int:
    """The failures once more, then the line that says it all."""
    run.tell_failures(results)
    passed = sum(1 for one in results if one.passed)
    print(f"\n{passed} passed, {len(results) - passed} failed", flush=True)
    return 0 if passed == len(results) else 1


def run_coverage(tree: Tree, args: argparse.Namespace) -> int:
    found = discover(tree.root)
    names = picked([test.name for test in found], args.only)
    tests = [test for test in found if test.name in names and run.fits(tree, test, run.Choice())]
    if not tests:
        print(f"no test matches {args.only!r}")
        return 2
    return coverage.main(args, tree, tests)


# ---- features and mutants


def run_mutants(tree: Tree, only: str) -> int:
    known = mutants.load_all(tree.root)
    names = picked([m.name for m in known], only)
    chosen = [m for m in known if m.name in names]
    if not chosen:
        print(f"no mutant matches {only!r}")
        return 2
    outcomes = try_mutants(tree, chosen, discover(tree.root))
    good = sum(1 for one in outcomes if one.good)
    print(f"\n{good} passed, {len(outcomes) - good} failed", flush=True)
    return 0 if good == len(outcomes) else 1


def try_mutants(tree: Tree, chosen: Sequence[mutants.Mutant], tests: Sequence[Test]) -> List[mutants.Outcome]:
    """Mutants whose tests pass on the tree as it is; a test that fails there proves nothing."""
    named: List[Test] = []
    for mutant in chosen:
        try:
            named += [test for test in mutants.tests_of(mutant, tests) if test not in named]
        except mutants.BadMutant:
            continue  # run_all reports it
    passing = known_good(tree, named)
    run.build_for(tree, named)
    sound: List[mutants.Mutant] = []
    outcomes: List[mutants.Outcome] = []
    for mutant in chosen:
        bad = [test.name for test in named if test.name in mutant.tests and test.name not in passing]
        if bad:
            outcomes.append(mutants.outcome(mutant, "unsound", f"{', '.join(bad)} fails without it"))
            print(f"UNSOUND        {mutant.name}: {outcomes[-1].why}")
        else:
            sound.append(mutant)
    outcomes += mutants.run_all(tree, sound, tests)
    mutants.save(outcomes_path(tree), run.state(tree), outcomes)
    return outcomes


def known_good(tree: Tree, tests: Sequence[Test]) -> List[str]:
    """Names of the tests that pass here; those without a result of this state are run."""
    current = run.state(tree)
    known = run.load(results_path(tree), current)
    missing = [test for test in tests if not any(one.name == test.name for one in known)]
    if missing:
        fresh = run_chosen(tree, missing, (), run.Choice())
        run.save(results_path(tree), current, fresh)
        known = run.load(results_path(tree), current)
    return [test.name for test in tests if all(one.passed for one in known if one.name == test.name)
            and any(one.name == test.name for one in known)]


def show_features(tree: Tree, required: Sequence[str]) -> int:
    texts = features.rows(tree.root / "docs" / "features.md")
    unknown = [row for row in required if row not in texts]
    if unknown:
        print(f"pagoda: no such row: {' '.join(unknown)}", file=sys.stderr)
        return 2
    tests, known = discover(tree.root), mutants.load_all(tree.root)
    if required:
        known_good(tree, [test for test in tests if set(required) & set(test.rows)])
        done = {one.name for one in mutants.load(outcomes_path(tree), run.state(tree))}
        lacking = [m for m in known if set(required) & set(m.rows) and m.name not in done]
        if lacking:
            try_mutants(tree, lacking, tests)
    current = run.state(tree)
    lines = features.shown(
        required or list(texts), tests, known, run.load(results_path(tree), current), mutants.load(outcomes_path(tree), current))
    about = {**{test.name: test.shows for test in tests}, **{mutant.name: mutant.defect for mutant in known}}
    print(features.table(lines, texts, about))
    print(features.wanting(lines))
    return 1 if required and any(one.verdict != "done" for one in lines) else 0


# ---- the rest


def check_floors(tree: Tree, cc: str, nm: str, flags: Sequence[str], objects: Sequence[str]) -> int:
    problems = floors.check(tree, cc, nm, flags, objects)
    for problem in problems:
        print(f"floors: {problem}")
    print(f"check-floors: {len(problems)} upward edges" if problems else "check-floors: no upward edge")
    return 1 if problems else 0


def show_command(tree: Tree, name: str) -> int:
    """The QEMU command of a test, to run it by hand."""
    found: Optional[Test] = next((test for test in discover(tree.root) if test.name == name), None)
    if found is None or found.kind in ON_HOST:
        print(f"pagoda: no test in QEMU is called {name}", file=sys.stderr)
        return 2
    for harts, seed in run.runs_of(found, run.Choice()):
        what = f"{'test' if found.kind == 'user' else 'ktest'}={found.group}.{found.case}"
        print(qemu.shell_command(run.guest_for(tree, found, harts, seed, what, run.Choice())))
    return 0


if __name__ == "__main__":
    try:
        with children.ending_with_us():
            sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except subprocess.CalledProcessError as error:
        print(f"pagoda: {' '.join(map(str, error.cmd))}: status {error.returncode}", file=sys.stderr)
        sys.exit(2)
