"""The colours, markers and dashes of curves."""

import pandas as pd

from plots.style import SCHEMES, looks


def summary(*curves: tuple[str, str]) -> pd.DataFrame:
    """A row per (curve, kind of its scheme), of a table with the columns that their names are made of."""
    columns = dict.fromkeys(["scheme.k", "scheme.policy.kind", "uplink.loss.kind"], "")
    return pd.DataFrame([{"curve": curve, "scheme.kind": kind, **columns} for curve, kind in curves])


def test_two_schemes_of_one_kind_have_two_colours_and_the_first_the_kinds_own():
    curves = summary(("dense", "dense"), ("k_sqs k=4", "k_sqs"), ("k_sqs k=16", "k_sqs"), ("mine", "k_sqs"))
    found = looks(curves)
    assert (found["k_sqs k=4"].colour, found["k_sqs k=4"].marker) == SCHEMES["k_sqs"]
    assert len({(look.colour, look.marker) for look in found.values()}) == 4
    assert not {look.colour for look in found.values()} & {SCHEMES["cloud_only"][0], SCHEMES["colocated"][0]}
    assert {look.dashes for look in found.values()} == {"-"}
    assert looks(curves.iloc[:3]) == {name: found[name] for name in list(found)[:3]}  # further ones change nothing


def test_one_scheme_under_several_losses_has_one_colour_and_dashes_of_its_own():
    found = looks(
        summary(*((f"{kind} loss={loss}", kind) for kind in ("dense", "k_sqs") for loss in ("none", "trace")))
    )
    colours = {name: look.colour for name, look in found.items()}
    assert colours["dense loss=none"] == colours["dense loss=trace"] == SCHEMES["dense"][0]
    assert found["k_sqs loss=none"].dashes != found["k_sqs loss=trace"].dashes


def test_more_schemes_than_colours_still_differ_by_dashes_or_fill():
    found = looks(summary(("dense", "dense"), *((f"k_sqs k={k}", "k_sqs") for k in range(30))))
    assert len({(look.colour, look.marker, str(look.dashes), look.fill) for look in found.values()}) >= 20
