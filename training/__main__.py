"""``python -m training``: recordings, generate, inventory, train, export, evaluate."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from training.evaluation import command as evaluation
from training.store import sources

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "training"
NO_SOUND = "has no speech or no music. Get them: python -m training recordings, then generate."


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, text: str, run: Callable[[argparse.Namespace], int]
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(run=run)
        made.add_argument("--data", type=Path, default=BUILD / "data", help="where the sound lies")
        return made

    one = command("recordings", "fetch recordings and store them", _recordings)
    one.add_argument(
        "--licences",
        choices=("free", "permissive"),
        default="free",
        help="permissive leaves out share-alike",
    )
    one.add_argument("--only", nargs="+", default=[], metavar="SOURCE")
    one.add_argument("--again", action="store_true", help="also those that are there")
    one = command("generate", "make what is not recorded: voices, music, places, rooms", _generate)
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--only", nargs="+", default=[], metavar="SOURCE")
    command("inventory", "write what lies there into DATA.md", _inventory)
    one = command("train", "train, or go on with it", _train)
    one.add_argument("--out", type=Path, default=BUILD / "run", help="where checkpoints go")
    one.add_argument("--steps", type=int, default=12_000)
    one.add_argument("--batch", type=int, default=4)
    one.add_argument("--rate", type=float, default=2e-3)
    one.add_argument(
        "--decay", type=float, default=0.3, help="share of steps in which the rate falls"
    )
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--workers", type=int, default=1)
    one.add_argument("--device", default="cpu")
    one.add_argument("--fused", action="store_true", help="compile first: a quarter faster")
    one.add_argument("--channels", type=int, nargs="+", default=[32, 48, 64, 96])
    one = command("export", "a checkpoint as an ONNX file", _export)
    one.add_argument("checkpoint", type=Path)
    one.add_argument("model", type=Path)
    one.add_argument("--name", default="speechnet")
    one.add_argument("--batches", type=int, default=60, help="to estimate normalisations anew")
    one.add_argument("--seed", type=int, default=2)
    evaluation.add_arguments(
        command("evaluate", "the table of a network, by kind of sound", evaluation.run)
    )
    arguments = parser.parse_args()
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except ModuleNotFoundError as error:
        return _stop(
            f"{error.name} is not here. Its own environment has it: python3 dev.py training ..."
        )


def _stop(words: str) -> int:
    print(words, file=sys.stderr)
    return 1


def _lacks_sound(data: Path) -> bool:
    return not (sources(data, "speech") and sources(data, "music"))


def _recordings(arguments: argparse.Namespace) -> int:
    from training.fetching import FetchingError
    from training.recordings import build

    only = frozenset(arguments.only)
    try:
        for report in build(arguments.data, arguments.licences, only, arguments.again):
            print(*report.lines(), sep="\n", flush=True)
    except FetchingError as error:
        return _stop(str(error))
    return 0


def _generate(arguments: argparse.Namespace) -> int:
    from training.generating import ToolsMissingError, generate

    try:
        generate(arguments.data, arguments.seed, arguments.only)
    except ToolsMissingError as error:
        return _stop(str(error))
    return 0


def _inventory(arguments: argparse.Namespace) -> int:
    from training.inventory import write

    if _lacks_sound(arguments.data):
        return _stop(f"{arguments.data} {NO_SOUND} DATA.md stays as it is.")
    write(arguments.data, Path(__file__).with_name("DATA.md"))
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from training.mixing import Recipe
    from training.model import Shape
    from training.train import Plan, train

    if _lacks_sound(arguments.data):
        return _stop(f"{arguments.data} {NO_SOUND}")
    plan = Plan(
        arguments.data,
        arguments.out,
        arguments.steps,
        batch=arguments.batch,
        rate=arguments.rate,
        decay=arguments.decay,
        seed=arguments.seed,
        workers=arguments.workers,
        device=arguments.device,
        fused=arguments.fused,
    )
    print(train(plan, Shape(tuple(arguments.channels)), Recipe()))
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from contextlib import closing

    from training.export import export
    from training.loading import Batches
    from training.mixing import Recipe
    from training.train import load_mean, settled

    if not arguments.checkpoint.is_file():
        return _stop(
            f"There is no checkpoint at {arguments.checkpoint}. python -m training train makes them."
        )
    if _lacks_sound(arguments.data):
        return _stop(f"{arguments.data} {NO_SOUND}")
    batches = Batches(arguments.data, Recipe(), arguments.seed, 4)
    with closing(batches.stream(0)) as stream:  # type: ignore[type-var]  # a generator has close
        net = settled(load_mean(arguments.checkpoint), stream, arguments.batches)
    arguments.model.parent.mkdir(parents=True, exist_ok=True)
    off = export(net, arguments.model, arguments.name)
    size = arguments.model.stat().st_size
    print(f"{arguments.model}: {size / 1e6:.1f} MB, masks within {off:.1e} of torch's")
    return 0


if __name__ == "__main__":
    sys.exit(main())
