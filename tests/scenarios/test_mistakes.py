"""What goes wrong is reported in one line, with an exit status, and leaves nothing behind."""

import io
import shutil

import numpy as np
import pytest
from cells import cell
from traced_cells import CELLS

from models.bundled.sotu import Sotu
from models.pair_cards import _loaded

RUN = ("run", "latency_vs_bandwidth", "--quick")
SAME_KIND = """
from typing import Literal
from simulator.schemes import LatticeScheme

class Mine(LatticeScheme):
    kind: Literal["k_sqs"] = "k_sqs"

    def support(self, q, state):
        return q.argsort()[-1:]
"""
SAMPLED = "--set=models={pair: sotu, temperature: 1}"
MISTAKES = [
    (("run", "latency_vs_bandwith"), "did you mean latency_vs_bandwidth"),
    (("list", "nothing"), "no such scenario"),
    ((*RUN, "--set=scheme=ksqs"), "did you mean k_sqs"),
    ((*RUN, "--set=uplink=nbiot.uplink"), "did you mean nb_iot.uplink"),
    ((*RUN, "--set=uplink.delay.delay_s=10m"), "must be a number of s, such as 50ms or 2 min"),
    ((*RUN, "--set=scheme=dense", "--set=scheme.kind=k_sqs"), "scheme: two --set give it"),
    ((*RUN, "--import=same_kind.py"), "the kind 'k_sqs' is taken by KSqs"),
    ((*RUN, "--set=scheme.kind=ksqs"), "scheme.kind = 'ksqs': kind must be one of"),
    ((*RUN, "--set=scheme=k_sqs", "--grid=scheme.k=4,4000000"), "k = 4000000: must be at most the vocabulary"),
    ((*RUN, "--set=workload.prompt_tokens=100000"), "must be at most the pair's context"),
    ((*RUN, "--set=uplink.rate.bps"), "a.b=v"),
    ((*RUN, "--set=scheme={k: 1"), "cannot read the value"),
    ((*RUN, "--set=seed=2020-13-45"), "cannot read the value, is no timestamp"),
    ((*RUN, "--grid=scheme=[]"), "at least one value"),
    ((*RUN, "--seeds=0"), "seeds = 0"),
    ((*RUN, "--seeds=many"), "invalid int value"),
    ((*RUN, "--seeds=2", "--grid=seed=1,2"), "both --seeds and --grid"),
    ((*RUN, "--set=scheme=dense", "--grid=scheme=dense"), "both --set and --grid"),
    ((*RUN, "--workers=0"), "workers = 0"),
    ((*RUN, "--set=models.pair=sotu", "--cluster=nowhere"), "cluster = nowhere"),
    (("capacity", "--quick", SAMPLED, "--cluster=nowhere"), "cluster = nowhere"),
    ((*RUN, "--import=missing.py"), "missing.py"),
    ((*RUN, "--import=raises.py"), "ZeroDivisionError"),
    ((*RUN, "--out=raises.py/below"), "raises.py/below"),
    ((*RUN, "--out=loop/below"), "out = loop/below: "),
    ((*RUN, "--set=seed=1:2:3"), "seed=1:2:3: cannot read the value, '1:2:3' would be a number in base 60"),
    ((*RUN, "--nonsense"), "--nonsense"),
    (("capacity", "--set=workload.devices=3"), "this scenario finds it"),
    (("run",), "give a scenario's name or --config"),
    (("run", "--config=missing.yaml"), "missing.yaml"),
    (("run", "--config=raises.py"), "must be a mapping"),
    (("plot", "missing"), "no summary.csv"),
    (("frobnicate",), "frobnicate"),
    (("reprot",), "see `sqsim --help`; did you mean report"),
    (("run", "latency"), "`sqsim list` shows all; did you mean latency_at_70b or latency_vs_bandwidth?"),
    (("list", "device"), "did you mean devices?"),
    (("run", "paper", "--quik"), "unrecognized arguments: --quik; see `sqsim run --help`; did you mean --quick"),
    (("codec", "cst"), "did you mean cost?"),
    (("list", "paper", "uplink.rat.*"), "field = 'uplink.rat.*': no cell of the scenario has such a field"),
    # names of schemes
    ((*RUN, "--name=mine"), "name = mine: give a name and a scheme as 'mine={kind: k_sqs, k: 4}'"),
    ((*RUN, "--name=mine=4"), "name = mine=4: give a name and a scheme"),
    ((*RUN, "--name== k_sqs"), "give a name and a scheme"),
    ((*RUN, "--name=mine={kind: k_sqs, label: other}"), "--name is the scheme's label; leave label: out"),
    ((*RUN, "--name=mine=c_sqs", "--name=mine=dense"), "name = mine: two --name give it; give one"),
    ((*RUN, "--name=mine={kind: ksqs}"), "scheme.kind = 'ksqs': kind must be one of"),
    ((*RUN, "--name=trace={kind: k_sqs, k: 3}"), "scheme.label = 'trace': is the name of a kind; give another"),
    ((*RUN, f"--name={'x' * 41}=k_sqs"), "must be a name of 1 to 40 printable characters"),
    ((*RUN, "--name=a\tb={kind: k_sqs, k: 3}"), "must be a name of 1 to 40 printable characters"),
    ((*RUN, "--set=scheme={kind: k_sqs, label: ''}"), "scheme.label = '': must be a name of 1 to 40"),
    ((*RUN, "--set=scheme={kind: k_sqs, label: a b=c}"), "must not hold b=, which reads as a field"),
    ((*RUN, "--set=scheme.label=all at once"), "scheme.label = 'all at once': several schemes have it"),
    # what is typed
    (("list", "devices", "codes"), "field = 'codes': devices has none, only a scenario has fields"),
    (("run", "capacity", "--config=raises.py"), "one of the two"),
    ((*RUN, "--set==1"), "a.b=v"),
    ((*RUN, "--set"), "--set: expected one argument"),
    ((*RUN, "--grid=uplink,downlink=[1]"), "must be a list of 2, a value for each field"),
    ((*RUN, "--grid=uplink.rate.bps=1e4,-2"), "uplink.rate.bps = -2: should be greater than or equal to 0"),
    ((*RUN, "--precision=0"), "precision = 0: must be above 0% and below 100%"),
    ((*RUN, "--precision=sharp"), "'sharp': a share such as 2% or 0.02"),
    (("capacity", "--quick", "--precision=2%"), "precision: "),
    ((*RUN, "--workers=two"), "invalid int value: 'two'"),
    ((*RUN, "--out=results\0"), "out = results"),
    ((*RUN, "--out=."), "in it is not ours, and stays as it is"),
    # links
    ((*RUN, "--set=uplink.rate.bps=fast"), "uplink.rate.bps = 'fast': must be a number of bit/s, such as 10k"),
    # schemes and models
    (("run", "lattices", "--set=models.pair={kind: sotu, prompts: latin.yaml}"), "latin.yaml, line 1: must be UTF-8"),
    # workloads, clouds, seeds
    ((*RUN, "--set=workload={kind: arrivals, path: raises.py}"), "the columns must be arrival_s"),
    # files
    (("run", "--config=latin.yaml"), "latin.yaml, line 1: must be UTF-8 text"),
    (("run", "--config=cut.yaml"), "config = cut.yaml, line 2: expected ',' or ']'"),
    (("run", "--config=empty.yaml"), "config = empty.yaml: must be a mapping of fields"),
    (("run", "--config=seeds.yaml"), "seeds = 3: no such field"),
    ((*RUN, "--import=cut.yaml"), "cut.yaml: must be a Python file"),
    ((*RUN, "--import=odd.py"), "odd.py:2: SyntaxError"),
    (("plot", "emptied"), "emptied/summary.csv: not a summary table"),
    (("plot", "lacking"), "lacking: its table has nothing for latency, tails"),
    (("plot", "cut"), "cut/scenario.json: not written by this program"),
    # one distribution on the wire
    (("codec",), "ACTION"),
    (("codec", "cost", "missing.txt"), "missing.txt: cannot be read"),
    (("codec", "cost", "letters.txt"), "letters.txt, line 2: one probability a line"),
    (("codec", "cost", "half.txt"), "sum to 0.5"),
    (("codec", "cost", "negative.txt"), "entry 1 is not a probability"),
    (("codec", "cost", "one.txt"), "two or more"),
    (("codec", "cost", "empty.yaml"), "empty.yaml: holds an array of shape (0,)"),
    (("codec", "cost", "square.npy"), "shape (2, 2)"),
    (("codec", "cost", "broken.npy"), "not an array"),
    (("codec", "cost", "law.txt", "--scheme=cloud_only"), "scheme = 'cloud_only': sends no distribution"),
    (("codec", "cost", "law.txt", "--scheme=nothing"), "kind must be one of"),
    (("codec", "cost", "law.txt", "--scheme={kind: k_sqs, k: 9}"), "k = 9: must be at most the vocabulary, 3"),
    (("codec", "cost", "law.txt", "--scheme={kind: tree, k: 2}"), "scheme tree: a distribution has several drafts"),
    (("codec", "cost", "law.txt", "--scheme=coupled"), "token = 'raced': must be flat or coded"),
    (("codec", "cost", "law.txt", "--scheme={kind: "), "not YAML"),
    (("codec", "cost", "law.txt", "--code=morse"), "invalid choice: 'morse'"),
    (("codec", "cost", "law.txt", "--context=a"), "context = 'a': whole numbers"),
    (("codec", "encode", "law.txt", "--token=7", "--scheme=dense"), "encode: token 7"),
    (
        ("codec", "encode", "law.txt", "--scheme={kind: multi_candidate, k: 2}"),
        "scheme multi_candidate: a distribution has sev",
    ),
    (("codec", "decode", "00"), "--vocabulary"),
    (("codec", "decode", "zz", "--vocabulary=4"), "payload = 'zz': no such file, and not hex digits"),
    (("codec", "decode", "ffffffff", "--vocabulary=4", "--scheme=dense"), "decode: "),
    (("codec", "decode", "0000", "--vocabulary=3", "--scheme={kind: k_sqs, k: 2}"), "decode: "),
    (("codec", "decode", "00", "--vocabulary=1", "--scheme=dense"), "vocabulary = 1"),
    (("check", "nosuch.py"), "nosuch.py: must be a Python file"),
    (("check", "nothing.py"), "file = nothing.py: registers nothing"),
    # recommendations
    (("recommend", "--link=wif"), "link = 'wif': must be one of"),
    (("recommend", "--link=wifi", "--set=uplink=wifi.uplink"), "uplink: both --link and --set"),
    (("recommend", "--metric=speed"), "metric = 'speed': must be one of latency_per_token_s"),
    (("recommend", "--budget=0"), "budget = 0: must be at least 1 trial"),
    (("recommend", "--ttft=0"), "workload.slo_ttft_s = 0.0: should be greater than 0"),
    (("recommend", "--tpot=1", "--set=workload.slo_tpot_s=1"), "workload.slo_tpot_s: both --tpot and --set"),
    (("recommend", "--seeds=0"), "seeds = 0: must be in 2..10000"),
    (("recommend", "--precision=100%"), "precision = 1: must be"),
    (("recommend", "--devices=2", "--set=workload.devices=2"), "workload.devices: both"),
    (("recommend", "--grid=scheme=cloud_only"), "scheme: 1 setting to try is no choice"),
    (("recommend", "--without=kk"), "without = 'kk': is not tried"),
    (("recommend", "--set=seed=1"), "seed: a race has many"),
    (("recommend", "--set=uplink.rate.bps=0"), "uplink.rate.bps = 0: must be above 0"),
    (("recommend", "--config=none.yaml"), "none.yaml: cannot be read"),
    (("recommend", "--set=fleet=[{count: 1, scheme: k_sqs}]"), "fleet: each class of devices has a scheme of its own"),
    # passes measured here
    (("calibrate", "nothing", "--out=a.csv"), "pair.kind = 'nothing': kind must be one of"),
    (("calibrate", "sotu", "--out=none/a.csv"), "out = none/a.csv: none is no folder"),
    (("calibrate", "sotu", "--out", "a.txt"), "out = a.txt: must end in .csv"),
    (("calibrate", "sotu", "--out=a.csv", "--new=1,x"), "new = '1,x': whole numbers from 1 with commas between them"),
    (("calibrate", "sotu", "--out=a.csv", "--batch", "0"), "batch = '0': whole numbers from 1"),
    (("calibrate", "sotu", "--out=a.csv", "--threads", "0"), "threads = 0: must be from 1 to 1024"),
    (
        ("calibrate", "sotu", "--out=a.csv", "--device=cuda"),
        "device = 'cuda': the models of sotu run where they always do",
    ),
    (("calibrate", "synthetic", "--out=a.csv", "--batch=2"), "batch = 2: this pair's models run 1 sequence at a time"),
    (("calibrate", "--out=x"), "pair: a PAIR must be given, or --cell FILE.yaml"),
    (("calibrate", "sotu", "--cell=c.yaml", "--out=x"), "pair = sotu: is of a pair; leave it out beside --cell"),
    (("calibrate", "--cell=c.yaml", "--new", "1", "--out=x"), "new = 1: is of a pair"),
    (("calibrate", "--cell=c.yaml", "--out=x.csv"), "out = x.csv: must be a folder"),
    (("calibrate", "--cell", "none.yaml", "--out=x"), "none.yaml"),
    # one request
    (("explain", "losses.yaml", "--request=2"), "request = 2: device 0 has 2, numbered from 0 to 1; all 3 have 6"),
    (("explain", "losses.yaml", "--request=-1"), "request = -1: device 0 has 2"),
    (("explain", "losses.yaml", "--device=3"), "device = 3: the cell has 3, numbered from 0 to 2"),
    (("explain", "losses.yaml", "--rounds=90-99"), "rounds = 90-99: this request has"),
    (("explain", "losses.yaml", "--rounds=3-1"), "argument --rounds: '3-1': rounds such as 4-9"),
    (("explain", "other.yaml"), "other.yaml: must be a mapping"),
    (("explain", "seeds.yaml"), "seeds"),
    (("explain", "cut.yaml"), "cut.yaml, line"),
    (("explain", "nothing.yaml"), "nothing.yaml"),
    # real processes
    (("real", "cell.yaml", "--set=cloud.servers=2"), "cloud.servers = 2: a real run needs 1"),
    (("real", "cell.yaml", "--set=scheme=edge_only"), "scheme = edge_only, protocol local: a real run needs"),
    (("real", "cell.yaml", "--set=nothing=2"), "nothing"),
    (("real", "cell.yaml", "--seeds=0"), "seeds = 0"),
    (("real", "none.yaml"), "none.yaml"),
    (("real", "other.yaml"), "other.yaml"),
]  # fmt: skip


def npy(array: np.ndarray) -> bytes:
    np.save(file := io.BytesIO(), array)
    return file.getvalue()


FILES = {
    "same_kind.py": SAME_KIND.encode(),
    "raises.py": b"raise ZeroDivisionError('over\\ntwo lines')\n",
    "nothing.py": b"x = 1\n",
    "odd.py": b"x = 1\nif x\n",
    "latin.yaml": "scheme: k_sqs # caf\u00e9".encode("latin-1"),
    "cut.yaml": b"scheme: [k_sqs\n",
    "empty.yaml": b"",
    "seeds.yaml": b"seeds: 3\n",
    "cell.yaml": cell().to_yaml().encode(),
    "losses.yaml": CELLS["losses"].to_yaml().encode(),
    "other.yaml": b"- 1\n- 2\n",
    "law.txt": b".5\n.5\n0\n",
    "letters.txt": b".5\nhalf\n",
    "half.txt": b".25\n.25\n",
    "negative.txt": b"1.5\n-.5\n",
    "one.txt": b"1\n",
    "square.npy": npy(np.full((2, 2), 0.25)),
    "broken.npy": b"\x93NUMPY nothing",
    "emptied/summary.csv": b"",
    "lacking/summary.csv": b"scheme.kind,n\nk_sqs,1\n",
    "cut/summary.csv": b"scheme.kind,n\nk_sqs,1\n",
    "cut/scenario.json": b"{",
}


@pytest.mark.parametrize(
    ("arguments", "message"), MISTAKES, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_a_mistake_is_one_line_exit_2_and_leaves_nothing(arguments, message, refused, small, tmp_path):
    words = " ".join(arguments)
    files = {name: content for name, content in FILES.items() if name.split("/")[0] in words}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "loop").symlink_to("loop")
    given = any(each.startswith("--set=models.pair") for each in arguments)
    quick = small[:1] if arguments[:1] == ("run",) and "--quick" in arguments and not given else ()
    err = refused(*arguments, *quick)
    assert message in err and err.startswith("sqsim: ") and "Traceback" not in err
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == files.keys()
    assert {path.name for path in tmp_path.iterdir()} == {"loop", *(name.split("/")[0] for name in files)}


def test_there_are_sixty_of_them_and_each_is_another():
    assert len(dict(MISTAKES)) == len(MISTAKES) >= 60


def test_an_interrupt_is_one_line_and_exit_130(typed, small, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("scenarios.command.run.running.sweep", interrupted)
    status, out, err = typed(*RUN, *small)
    assert (status, out, err.count("\n")) == (130, "", 1)


def test_weights_that_are_not_the_recorded_ones_are_refused(refused, tmp_path, monkeypatch):
    copied = tmp_path / "weights"
    shutil.copytree(Sotu.home, copied)
    file = copied / "100k" / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    monkeypatch.setattr(Sotu, "home", copied)
    _loaded.cache_clear()
    assert str(file) in refused(*RUN, "--set=models.pair=sotu", "--workers=1", "--quiet", "--out=here")
    assert not (tmp_path / "here").exists()
