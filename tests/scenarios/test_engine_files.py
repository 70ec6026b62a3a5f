"""What servers and benchmarks leave, read into a cell: each format by a sample written here in its form, with the
numbers that it is to give, and damaged ones by the one line that they are answered with."""

import json
from pathlib import Path

import pytest

from channels.uniforms import Uniforms
from kinds import ConfigError
from models.published import KnownAcceptance
from scenarios.command.cli import _parser, main
from scenarios.command.engine_files.engine_file import Measurements
from scenarios.command.engine_files.measured_cell import (
    MEAN_LENGTHS,
    NOT_THE_PHONE,
    TRACED,
    affine,
    measured_cell,
    measurements_of,
)
from scenarios.command.engine_files.metrics_page import drafts_by
from scenarios.command.recommend.tried_schemes import wish
from scenarios.command.run.printed_tables import stands_for
from simulator import Cell, simulate

L8B = 'engine="0",model_name="llama-8b"'


def histogram(name: str, total: float, count: float, labels: str = L8B) -> str:
    return (
        f'{name}_bucket{{{labels},le="0.01"}} 1.0\n{name}_bucket{{{labels},le="+Inf"}} {count}\n'
        f"{name}_count{{{labels}}} {count}\n{name}_sum{{{labels}}} {total}\n{name}_created{{{labels}}} 1.7e+09\n"
    )


def counters(prefix: str, labels: str = L8B, **values: float) -> str:
    return "".join(f"{prefix}{name}{{{labels}}} {value}\n" for name, value in values.items())


def positions(name: str, *values: float) -> str:
    return "".join(f'{name}{{{L8B},position="{place}"}} {value}\n' for place, value in enumerate(values))


TIMES = (
    histogram("vllm:request_prefill_time_seconds", 36, 600)
    + histogram("vllm:request_prompt_tokens", 307_200, 600)
    + histogram("vllm:request_generation_tokens", 130_000, 600)
    + counters("vllm:", prefix_cache_queries_total=307_200, prefix_cache_hits_total=76_800)
)
V1 = (
    "# HELP vllm:num_requests_running Number of requests in model execution batches.\n"
    "vllm:some_other_gauge NaN\n"
    + counters("vllm:", num_requests_running=6, spec_decode_num_drafts_total=50_000)
    + counters("vllm:", spec_decode_num_draft_tokens_total=150_000, spec_decode_num_accepted_tokens_total=80_000)
    + positions("vllm:spec_decode_num_accepted_tokens_per_pos_total", 36_500, 26_000, 17_500)
    + histogram("vllm:inter_token_latency_seconds", 1050, 50_000)
    + TIMES
)
PLAIN = "".join(line for line in V1.splitlines(keepends=True) if "spec_decode" not in line)
OLDER = V1.replace("inter_token_latency", "time_per_output_token").replace("vllm:", "ray_vllm_")
V0 = (
    counters("vllm:", spec_decode_efficiency=0.52, spec_decode_draft_acceptance_rate=0.4)
    + counters("vllm:", spec_decode_num_draft_tokens_total=1000, spec_decode_num_accepted_tokens_total=400)
    + counters("vllm:", spec_decode_num_emitted_tokens_total=650)  # .52 of 5 a round of 4 drafts, 250 rounds
    + histogram("vllm:time_per_output_token_seconds", 2.0, 200)
)
SGLANG = (
    "".join(
        counters("sglang:", f'model_name="m",tp_rank="{rank}"', spec_accept_length=2.8, spec_num_steps=3)
        for rank in "01"
    )
    + counters(
        "sglang:", 'model_name="m"', prompt_tokens_total=4000, cached_tokens_total=1000, generation_tokens_total=900
    )
    + counters("sglang:", 'model_name="m"', num_requests_total=10)
    + histogram("sglang:inter_token_latency_seconds", 9.0, 900, 'model_name="m"')
    + histogram("sglang:time_to_first_token_seconds", 2.0, 10, 'model_name="m"')
)
LLAMA_METRICS = "llamacpp:prompt_tokens_total 1000\nllamacpp:prompt_seconds_total 5\n" + (
    "llamacpp:tokens_predicted_total 200\nllamacpp:tokens_predicted_seconds_total 8\n"
)
VLLM_LOG, SGLANG_LOG, LLAMA_SERVER, LLAMA_SPECULATIVE = (
    (Path(__file__).parent / "engine_samples" / f"{name}.txt").read_text()
    for name in ("vllm_log", "sglang_log", "llama_server", "llama_speculative")
)
BENCH = {
    "date": "20260804-205108", "endpoint_type": "openai", "backend": "openai", "model_id": "m", "num_prompts": 10,
    "request_rate": "inf", "burstiness": 1.0, "max_concurrency": 4, "duration": 9.0, "completed": 10, "failed": 0,
    "total_input_tokens": 5120, "total_output_tokens": 2000, "mean_ttft_ms": 60.0, "mean_tpot_ms": 9.0,
    "mean_itl_ms": 21.0, "spec_decode_acceptance_rate": 53.3, "spec_decode_acceptance_length": 2.6,
    "spec_decode_num_drafts": 769, "spec_decode_draft_tokens": 2307, "spec_decode_accepted_tokens": 1230,
    "spec_decode_per_position_acceptance_rates": [0.73, 0.52, 0.35],
}  # fmt: skip
AIPERF = {
    "schema_version": "1.1", "start_time": "2026-08-04T20:51:08.1", "request_count": {"unit": "requests", "avg": 10.0},
    "time_to_first_token": {"unit": "ms", "avg": 195.84, "p50": 175.0},
    "inter_token_latency": {"unit": "ms", "avg": 35.2, "p50": 34.7},
    "input_sequence_length": {"unit": "tokens", "avg": 256.0},
    "output_sequence_length": {"unit": "tokens", "avg": 64.0},
}  # fmt: skip
QUESTIONS = "\n".join(
    json.dumps({"question_id": n, "category": kind, "turns": ["x" * size, "more"]})
    for n, (kind, size) in enumerate((("writing", 80), ("math", 120)))
)
SPEED = json.dumps({"question_id": "q", "category": "c", "messages": [{"role": "user", "content": "y" * 400}]})
VIDUR = "arrived_at,num_prefill_tokens,num_decode_tokens\n0.0,374,44\n4.5,396,110\n"
BLIS = "request_id,input_tokens,output_tokens,arrival_time_us,status\n0,30,5,0,ok\n1,50,7,2500000,ok\n"


def sample(tmp_path: Path, text: str, name: str = "sample") -> Path:
    (file := tmp_path / name).write_text(text)
    return file


def measurements(tmp_path: Path, text: str) -> Measurements:
    return measurements_of(sample(tmp_path, text))[0]


@pytest.mark.parametrize(
    ("text", "what", "drafts", "tokens", "step_s", "token_s"),
    [
        (V1, "vLLM metrics", 3, 2.6, 0.021, None),
        (OLDER, "vLLM metrics", 3, 2.6, 0.021, None),
        (V0, "vLLM metrics", 4, 2.6, None, 0.01),
        (SGLANG, "SGLang metrics", 3, 2.8, None, 0.01),
        (LLAMA_METRICS, "llama.cpp metrics", None, None, None, 0.04),
        (VLLM_LOG, "vLLM log", 3, 2.05, None, 2 / 130),
        (SGLANG_LOG, "SGLang log", 3, 2.7, None, 0.01),
        (LLAMA_SERVER * 2, "llama.cpp log", 3, 2.5, 0.075, None),
        (LLAMA_SPECULATIVE, "llama.cpp log", 4, 2.5, 0.1, None),
        (json.dumps(BENCH), "vllm bench serve", 3, 2.6, 0.021, 0.009),
        (json.dumps({"mean_itl_ms": 9}) + "\n" + json.dumps({**BENCH, "spec_decode_per_position_acceptance_rates": []}),
         "vllm bench serve", 3, 2.6, 0.021, 0.009),
        (json.dumps({"mean_tpot_ms": 9, "accept_length": 2.6}), "bench_serving", None, 2.6, None, 0.009),
        (json.dumps(AIPERF, indent=1), "AIPerf or genai-perf", None, None, None, 0.0352),
    ],
)  # fmt: skip
def test_acceptance_and_steps_are_those_of_the_file(
    tmp_path: Path, text: str, what: str, drafts: int | None, tokens: float | None, step_s: float | None,
    token_s: float | None,
) -> None:  # fmt: skip
    found = measurements(tmp_path, text)
    assert found.what == what
    assert (found.step_s, found.token_s) == pytest.approx((step_s, token_s))
    assert (found.rounds and found.rounds.drafts) == drafts
    assert (found.rounds and found.rounds.tokens) == (tokens and pytest.approx(tokens))
    assert found.unknown


@pytest.mark.parametrize(
    ("text", "prompt", "output", "reading"),
    [
        (V1, 512, 130_000 / 600, (0.06, 384)),
        (SGLANG, 400, 90, (0.2, 300)),
        (SGLANG_LOG, 400, None, None),
        (LLAMA_SERVER * 2, 200, 100, (0.4, 200)),
        (json.dumps(BENCH), 512, 200, (0.06, 512)),
        (json.dumps(AIPERF), 256, 64, (0.19584, 256)),
        (QUESTIONS, 25, None, None),
        (SPEED, 100, None, None),
        (VIDUR, 385, 77, None),
        (BLIS, 40, 6, None),
    ],
)
def test_lengths_are_those_of_the_file(
    tmp_path: Path, text: str, prompt: float, output: float | None, reading: tuple[float, float] | None
) -> None:
    found = measurements(tmp_path, text)
    assert (found.prompt_tokens, found.output_tokens) == pytest.approx((prompt, output))
    assert (found.reading_s, found.read_tokens) == pytest.approx(reading or (found.reading_s, None))


def test_drafts_of_a_round_follow_from_either_share_that_sglang_gives() -> None:
    for drafts in range(1, 17):
        for length in (1.31, 1.7, 0.5 * drafts + 1.23):
            assert drafts_by(length, (length - 1) / drafts) == max(drafts, drafts_by(length, None) or 0)


@pytest.mark.parametrize(("step_s", "tokens", "reading"), [(0.021, 4, (0.06, 384)), (0.03, 1, (0.9, 512))])
def test_latency_model_gives_both_times_back(step_s: float, tokens: int, reading: tuple[float, float]) -> None:
    fields = affine(step_s, tokens, reading)
    passes = Cell().with_({"cloud.latency": fields}).cloud.latency
    assert passes.pass_s([(tokens, 100)]) == pytest.approx(step_s, rel=2e-3)
    assert passes.pass_s([(int(reading[1]), 0)]) == pytest.approx(reading[0], rel=2e-3)


def test_cloud_that_drafts_for_itself_takes_the_measured_step_a_round(tmp_path: Path) -> None:
    measured = measured_cell([sample(tmp_path, V1)])
    cell = Cell().with_({
        **measured.beside({"workload.prompt_tokens": 4, "workload.output_tokens": 24, "workload.requests": 1}),
        "scheme": {"kind": "colocated", "max_drafts": measured.drafts}, "models.pair.size": 256,
    })  # fmt: skip
    assert isinstance(cell.models.pair, KnownAcceptance) and cell.models.pair.survival == (0.73, 0.52, 0.35)
    steps = simulate(cell).rounds["verified_s"].diff()[1:-1]
    assert steps.to_numpy() == pytest.approx(0.021, rel=1e-3)


def test_what_the_first_file_tells_counts_and_what_is_typed_before_it(tmp_path: Path) -> None:
    files = [sample(tmp_path, text, str(n)) for n, text in enumerate((LLAMA_SPECULATIVE, V1, VIDUR))]
    measured = measured_cell(files, [sample(tmp_path, LLAMA_SERVER.rpartition("draft")[0], "phone")])
    assert measured.fields["models.pair"] == {"kind": "acceptance", "accepted_length": 2.5, "drafts": 4}
    assert measured.drafts == 4
    assert measured.fields["cloud.drafter_latency"] == {"kind": "constant", "per_pass_s": 0.005}
    assert measured.fields["cloud.latency"] == affine(0.1 - 4 * 0.005, 5, (0.06, 384))
    assert measured.fields["edge.latency"] == affine(0.03, 1, (0.4, 200))
    assert [line.partition(",")[0] for line in measured.files] == ["Measured"] * 3 + ["Measured at the edge"]
    assert all("sha256" in line and "cannot tell" in line for line in measured.files)
    plain = measured_cell([sample(tmp_path, PLAIN, "plain"), files[0]])
    assert plain.drafts is None and "cloud.drafter_latency" not in plain.fields
    assert plain.fields["models.pair"] == measured.fields["models.pair"]
    assert plain.fields["cloud.latency"] == affine(0.021, 1, (0.06, 384))
    typed = measured.beside({"models.pair": "sotu", "workload.output_tokens": 7})
    assert typed["models.pair"] == "sotu" and typed["workload.output_tokens"] == 7
    whole = Cell().with_(measured.whole({}))
    assert (whole.workload.kind, whole.workload.devices, whole.workload.longest) == ("arrivals", 2, (396, 110))
    assert whole.models.pair.prompt_tokens == 396
    assert any(TRACED in line for line in whole.sources) and not any(MEAN_LENGTHS in line for line in whole.sources)
    long = Cell().with_(measured.beside({"workload.prompt_tokens": 32_000}))
    assert (long.models.pair.context, long.models.pair.prompts) == (32_000 + long.workload.output_tokens, 32)


@pytest.mark.parametrize(("text", "times"), [(VIDUR, [0.0, 4.5]), (BLIS, [0.0, 2.5])])
def test_a_trace_is_a_workload_as_it_is(tmp_path: Path, text: str, times: list[float]) -> None:
    cell = Cell().with_({"workload": {"kind": "arrivals", "path": sample(tmp_path, text)}})
    assert [ask.at_s for ask in cell.workload.asks(0, Uniforms.of(0, "arrivals"))] == times


def test_sources_travel_with_a_cell_and_decide_nothing(tmp_path: Path) -> None:
    file, out = sample(tmp_path, V1), tmp_path / "cell.yaml"
    assert main(["calibrate", "--from", str(file), "--out", str(out)]) == 0
    cell = Cell.from_yaml(out)
    assert NOT_THE_PHONE in cell.sources[-1]
    assert cell.id == cell.with_({"sources": []}).id
    assert cell.sources[0] in stands_for([cell])
    assert "sources" not in Cell().model_dump()


def test_a_cell_of_a_server_that_drafts_nothing_runs_and_takes_what_is_typed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = sample(tmp_path, PLAIN), tmp_path / "cell.yaml"
    typed = ["calibrate", "--from", str(file), "--out", str(out), "--set=workload.output_tokens=3"]
    assert main([*typed, "--set=workload.requests=1"]) == 0
    cell = Cell.from_yaml(out)
    assert cell.workload.longest == (512, 3)
    assert "no acceptance is told: that of models.pair, llama_1b_70b as published" in cell.sources[-1]
    assert simulate(cell).summary["answered"] == 1
    assert main([*typed, "--set=models.temperature=0"]) == 0 and main([*typed, "--set=models.pair=sotu"]) == 0
    assert Cell.from_yaml(out).models.pair.kind == "sotu"
    capsys.readouterr()
    assert main(["calibrate", "sotu", "--out=a.csv", "--set=seed=1"]) == 2
    assert "set = seed=1: is of a cell that is made --from files" in capsys.readouterr().err


def test_recommend_tries_the_measured_server_as_it_is_beside_what_drafts_at_the_edge(tmp_path: Path) -> None:
    typed = ["recommend", "--from", str(sample(tmp_path, V1)), "--set", "workload.output_tokens=5", "--quick"]
    requested = wish(_parser().parse_all(typed, 0.0))
    (server,) = (place for place in requested.places if place.cell.scheme.kind == "colocated")
    assert server.cell.scheme.drafts == 3 and not server.fields
    passes = [place.cell.cloud.latency.pass_s([(4, 0)]) for place in requested.places]
    assert passes == pytest.approx([0.021] * len(passes), rel=1e-3)
    assert {place.cell.workload.output_tokens for place in requested.places} == {5}
    assert all(place.cell.sources for place in requested.places)
    assert "as that server was measured" in requested.fixed["scheme.max_drafts"]
    plain = ["recommend", "--from", str(sample(tmp_path, PLAIN, "plain")), "--set", "models.pair=synthetic", "--quick"]
    drafter = ["--set", "cloud.drafter_latency.size=opt_125m"]
    without, given = (wish(_parser().parse_all([*plain, *more], 0.0)) for more in ([], drafter))
    assert "drafts nothing" in without.without["colocated"]
    assert "colocated" in {place.cell.scheme.kind for place in given.places}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "must be a metrics page or log of"),
        ("hello\n" * 9, "must be a metrics page or log of"),
        ("{", "not JSON"),
        ('{"mean_ttft_ms": 3}\n{', "line 2: not JSON"),
        ('{"mean_ttft_ms": "3 ms"}', "mean_ttft_ms = '3 ms': must be a number"),
        (json.dumps({**BENCH, "mean_itl_ms": -1}), "mean_itl_ms = '-1'"),
        (json.dumps({**BENCH, "spec_decode_per_position_acceptance_rates": [73, 52]}), "must be a number from 0 to 1"),
        (json.dumps({**AIPERF, "time_to_first_token": {"unit": "weeks", "avg": 1}}), "unit = 'weeks'"),
        (V1.replace("1050", "NaN"), "vllm:inter_token_latency_seconds_sum = 'NaN'"),
        (V1[: V1.index("vllm:request_prompt_tokens") + 90], "is cut off: a metrics page ends with a line feed"),
        (V1[: V1.index("vllm:request_prompt_tokens_sum")], "is cut off: vllm:request_prompt_tokens_sum is missing"),
        (V1.replace("36500", "0"), "accepted drafts at the first position"),
        (V1.replace("36500", "5e9"), "accepted drafts at the first position"),
        (V1 + V1.replace("llama-8b", "qwen"), "is of the models llama-8b, qwen"),
        (V1.replace('position="1"', 'position="9999"'), "position = '9999'"),
        (V0.replace("0.52", "7"), "spec_decode_efficiency"),
        (VLLM_LOG.replace("0.800", "8.00"), "acceptance rate = '8.00'"),
        (SGLANG_LOG.replace("400.00", "4.0.0"), "throughput = '4.0.0'"),
        (LLAMA_SERVER.replace("60 acc", "600 acc"), "must fit together"),
        (json.dumps({"turns": [3]}), "must be a list of texts"),
        (json.dumps({"turns": []}), "must be a list of texts"),
        (json.dumps({"turns": ["FULL BENCHMARK DATA SHOULD BE FETCHED FROM THE SOURCE USING X"]}), "placeholders"),
        (VIDUR.replace("4.5", "-1"), "line 3: arrival_s"),
        (VIDUR.replace("396,110", "396"), "line 3: must hold 3 values"),
        (BLIS.replace("30,5", "30,0"), "line 2: prompt_tokens and output_tokens"),
    ],
)  # fmt: skip
def test_a_damaged_file_gets_one_line(
    tmp_path: Path, text: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = sample(tmp_path, text)
    assert main(["calibrate", "--from", str(file), "--out", str(tmp_path / "cell.yaml")]) == 2
    error = capsys.readouterr().err
    assert complaint in error and str(file) in error and error.count("\n") == 1
    assert not (tmp_path / "cell.yaml").exists()


def test_files_that_cannot_be_read_or_tell_nothing_wanted_get_one_line(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path, tmp_path / "none", tmp_path / "bytes", Path("/dev/zero")):
        with pytest.raises(ConfigError):
            measured_cell([path])
    both = [sample(tmp_path, V1), sample(tmp_path, json.dumps(AIPERF), "again")]
    with pytest.raises(ConfigError, match="again: AIPerf or genai-perf: tells nothing"):
        measured_cell(both)
    with pytest.raises(ConfigError, match="speculates"):
        measured_cell([], [sample(tmp_path, LLAMA_SERVER, "phone")])
    with pytest.raises(ConfigError, match="time of a draft"):
        measured_cell([], [sample(tmp_path, VIDUR, "lengths")])
