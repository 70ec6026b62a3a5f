"""Requests over the pair of four tokens whose distributions are known, decoded step by step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from simulator.checking.exact import PAIR, V
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.edge_session import EdgeSession
from simulator.decoding.lookahead import SYNCHRONOUS, Lookahead
from simulator.decoding.nodes import EdgeNode, Parts, Tokens, Tree, Verified
from simulator.decoding.setting import DraftSetting
from simulator.schemes import DraftScheme
from simulator.schemes.draw import RequestUniforms

PROMPT = (1, 2)


def decoding(
    scheme: DraftScheme, uniforms: RequestUniforms | None = None, lookahead: Lookahead = SYNCHRONOUS
) -> RequestDecoding:
    """One request of a scheme, after PROMPT."""
    setting = DraftSetting(lambda: PAIR, scheme, V, 1.0)
    tree = Tree(PROMPT, scheme.entry(None))
    return RequestDecoding(setting, tree, uniforms or RequestUniforms.of(0), lookahead=lookahead)


@contextmanager
def resolved(check: Callable[[RequestDecoding, EdgeNode, Tokens], None]) -> Iterator[None]:
    """Meanwhile `check` is told of each reply that an edge resolves: its request, the node after it, the tokens that it
    commits."""
    edge = RequestDecoding.edge

    def checked_edge(self: RequestDecoding) -> EdgeSession:
        session = edge(self)
        resolve = session.resolve

        def checked(node: EdgeNode, reply: bytes) -> tuple[EdgeNode, Tokens]:
            after, tokens = resolve(node, reply)
            check(self, after, tokens)
            return after, tokens

        session.resolve = checked  # type: ignore[method-assign]
        return session

    with patch.object(RequestDecoding, "edge", checked_edge):
        yield


def rounds(
    request: RequestDecoding, drafts: int, received: Callable[[Parts], int] = len
) -> Iterator[tuple[EdgeNode, Verified, Tokens]]:
    """The rounds of a request without end, of so many drafts: each as it was drafted and verified, and the tokens that
    it commits; of a scheme that has the cloud begin, a token of the cloud's own before them. `received`: how many
    leading parts of a payload the cloud gets."""
    edge, cloud = request.edge(), request.cloud()
    node, view = edge.start, cloud.start(edge.start.committed)
    if request.draft_setting.scheme.cloud_first:
        cloud.receive(view, ())
        view, verified = cloud.verify(view, ())
        begun, (node, tokens) = node, edge.resolve(edge.read(node, len(node.committed)), verified.reply)
        yield begun, verified, tokens
    while True:
        drafted = edge.compose(node, drafts)
        parts = edge.seal(drafted).parts
        parts = parts[: received(parts)]
        cloud.receive(view, parts)
        view, verified = cloud.verify(view, parts)
        node, tokens = edge.resolve(drafted, verified.reply)
        yield drafted, verified, tokens
