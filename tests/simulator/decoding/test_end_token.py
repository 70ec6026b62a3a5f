"""Answers that end at the pair's end token: cut there, counted, and the same text as without the cut."""

import pytest
from cells import PAIR, cell
from ending_pair import ENDING
from plants import ran

from simulator import ConfigError, simulate
from simulator.decoding.memory import Memory

WORKLOAD = {"kind": "closed", "requests": 4, "prompt_tokens": 8, "output_tokens": 32}


@pytest.mark.parametrize("scheme", ["k_sqs", "cloud_only", "edge_only"])
@pytest.mark.parametrize("number", [1, 3])
def test_an_answer_ends_at_the_first_of_its_end_tokens(scheme: str, number: int) -> None:
    whole = [request.tokens for request in ran(cell(scheme, workload=WORKLOAD)).requests]
    ends = [text[10 + 3 * place] for place, text in enumerate(whole)][:number]
    pair = {**ENDING, "end_tokens": ends}
    run = ran(cell(scheme, workload=WORKLOAD | {"stop_at_eos": True}, models={"pair": pair}))
    texts = [request.tokens for request in run.requests]
    cuts = [[place for place, token in enumerate(text) if token in ends] for text in whole]
    assert texts == [text[: cut[0] + 1] if cut else text for text, cut in zip(whole, cuts, strict=True)]
    assert all(len(text) < 32 for text in texts[:number])
    assert run.result.requests["output_tokens"].tolist() == [len(text) for text in texts]
    assert (run.result.requests["outcome"] == "answered").all()


def test_a_pair_without_an_end_token_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^workload.stop_at_eos = True: the pair synthetic has no end token$"):
        simulate(cell(workload=WORKLOAD | {"stop_at_eos": True}, models={"pair": PAIR}), memory=Memory())
