"""The options of `sqsim codec`, and what each of its ways does with them."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from kinds import ConfigError
from scenarios.command.cell_file import add_import


def add_options(codec: argparse.ArgumentParser) -> None:
    """Adds the arguments of `sqsim codec cost`, `encode`, `decode` and `prior`."""
    ways = codec.add_subparsers(dest="way", required=True, metavar="WAY")
    cost = ways.add_parser("cost", help="bits under every scheme and code, the paper's count beside them")
    encode = ways.add_parser("encode", help="the bytes of a packet with this one draft, as hex digits")
    decode = ways.add_parser("decode", help="a packet back into a table")
    for way in (cost, encode):
        way.add_argument(
            "distribution", type=Path, metavar="DISTRIBUTION", help=".npy, float [V], or text with a probability a line"
        )
    decode.add_argument("payload", metavar="PAYLOAD", help="a file of bytes, or hex digits")
    decode.add_argument("--vocabulary", type=int, required=True, metavar="V", help="tokens of the vocabulary")
    scheme = "a kind or {kind: ..., ...}"
    cost.add_argument("--scheme", action="append", default=[], help=f"{scheme}; may be given again; default: all")
    for way in (encode, decode):
        way.add_argument("--scheme", default="k_sqs", help=f"{scheme} (default: k_sqs)")
    for way in (cost, encode, decode):
        way.add_argument("--code", choices=("enumerative", "recoded"), help="in place of the scheme's own")
        way.add_argument("--context", default="", metavar="ID,ID,...", help="token ids that both ends hold")
        add_import(way, "schemes")
    _add_prior_options(ways.add_parser("prior", help="tables of language for a pair, which make its packets shorter"))
    encode.add_argument("--token", type=int, metavar="ID", help="the drafted id (default: the likeliest)")
    encode.add_argument("--out", type=Path, metavar="FILE", help="write the bytes there as well")


def _add_prior_options(prior: argparse.ArgumentParser) -> None:
    add = prior.add_argument
    add("pair", metavar="PAIR", help="a kind of pair, or {kind: huggingface, drafter: ..., verifier: ...}")
    add(
        "--out", type=Path, metavar="DIR", help="where the file goes (default: $SQSIM_PRIORS, or the platform's folder)"
    )
    add("--writer", choices=("verifier", "drafter"), default="verifier",
        help="which model of the pair goes on from its prompts; the drafter is faster (default: verifier)")  # fmt: skip
    add("--texts", type=Path, metavar="FILE.npy", help="your own texts in place of that: token ids, integers [N, T]")
    add("--number", type=int, metavar="N", help="texts to write (default: 256)")
    add("--temperature", type=float, default=1.0, metavar="T", help="of texts and distributions (default: 1)")
    add("--seed", type=int, default=0, metavar="S", help="of texts and tables (default: 0)")
    add("--quick", action="store_true", help="20 short texts and a short fit: to see that it works")
    add("--quiet", action="store_true", help="no progress on stderr")


def _prior(options: argparse.Namespace) -> str:
    from scenarios.command.inspect import prior
    from scenarios.command.inspect.typed_pair import typed_pair
    from scenarios.command.progress_bar import ProgressBar

    effort = prior.QUICK if options.quick else prior.Effort()
    if options.number is not None:
        effort = replace(effort, texts=options.number)
    reading = prior.ReadTexts(options.writer, options.texts, options.temperature, options.seed)
    with ProgressBar(options.quiet) as progress:
        return prior.build(typed_pair(options.pair), reading, effort, options.out, progress)


def run(options: argparse.Namespace) -> str:
    """Returns what to print. Raises ConfigError, one line."""
    if options.way == "prior":
        return _prior(options)
    from scenarios.command.inspect import codec
    from simulator.cell.imported_files import load_imports

    load_imports(options.imports)
    try:
        context = tuple(int(word) for word in options.context.split(",") if word.strip())
    except ValueError:
        raise ConfigError(f"context = {options.context!r}: whole numbers with commas between them") from None
    if options.way == "cost":
        q = codec.read_distribution(options.distribution)
        schemes = [codec.scheme_of(text) for text in options.scheme] or codec.schemes_for(q.size)
        return codec.cost(q, options.code, context, schemes)
    how = codec.Wire(codec.scheme_of(options.scheme), options.code, context)
    if options.way == "decode":
        return codec.decode(codec.read_payload(options.payload), how, options.vocabulary)
    payload = codec.encode(codec.read_distribution(options.distribution), how, options.token)
    if options.out is not None:
        options.out.write_bytes(payload)
    return payload.hex()
