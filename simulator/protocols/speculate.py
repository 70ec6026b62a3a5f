"""Speculate: the edge drafts a round and sends it, the cloud verifies it and replies, and so on to the last token.

In between the edge may let the cloud decode by itself: a count goes up, and a reply comes down for each token, a round
of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from channels.codec.fixed_width import (
    MOST_COUNT,
    STATUS_BYTES,
    Status,
    decode_request,
    decode_status,
    encode_request,
    encode_status,
)
from kinds import ConfigError
from kinds.arrays import Floats
from simulator.cell.scheme import Scheme
from simulator.decoding.nodes import CloudNode, EdgeNode, Parts, Tokens, Verified
from simulator.protocols import machine
from simulator.protocols.accounts import RemainingAnswer, Terms, bytes_prompt, is_made, prompt_bytes
from simulator.protocols.machine import (
    CloudMachine,
    EdgeMachine,
    EdgeState,
    JobDone,
    MessageArrived,
    MessageKind,
    Need,
    Order,
    Steps,
)
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.policy import (
    Action,
    CloudDecodes,
    DraftOne,
    DraftRound,
    EdgeView,
    SeenCloud,
    SeenDraft,
    SeenVerdict,
    Send,
    Wait,
    most_drafts,
)


@dataclass(slots=True)
class OpenDrafts:
    """A round that is drafted step by step, of `most` drafts at most."""

    node: EdgeNode
    most: int
    remaining_tokens: int
    """Output tokens still to come, before this round."""
    planned: bool
    """The policy decides no more: the length is known."""
    rung: int = 0
    distribution: Floats | None = None
    """q of the next draft, where the policy has looked at it."""
    parts: Parts = ()
    """Parts of a partial round that were put on the link."""
    grows: bool = False
    """True if the far end waits for more parts."""


class DraftingEdge(EdgeMachine):
    """Base of the edges that draft."""

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self._scheme = terms.decoding.draft_setting.scheme
        self._session = terms.decoding.edge()
        self._policy = self._scheme.families.policy
        self._policy_state = self._policy.entry(terms.policy)
        self._answer = RemainingAnswer(terms)

    def _send_prompt(self) -> None:
        content = prompt_bytes(self._session.start.committed, self._terms)
        self.commands.append(machine.SendMessage(MessageKind.PROMPT, 0, (content,), replies=0))

    def _plan(self, field: str, remaining_tokens: int) -> int:
        """Returns the number of drafts of a round with so many tokens to come. Raises ConfigError, which names the
        `field` that asks for whole rounds, if the policy plans none."""
        plan = self._policy.plan(most_drafts(self._scheme.max_drafts, remaining_tokens))
        if plan is None:
            raise ConfigError(f"scheme.{field} = {getattr(self._scheme, field)}: needs a policy that plans every round")
        return plan

    def _draft_whole(self, node: EdgeNode, drafts: int, made: int = 0) -> Steps[EdgeNode]:
        """Drafts and sends a round that nothing interrupts, `made` of whose passes were made already."""
        self.commands.append(machine.DraftAll(node.round, self._session, node, drafts, made=made))
        drafted = yield
        assert isinstance(drafted, machine.RoundDrafted), f"I3: {drafted} while round {node.round} is drafted"
        self._send_drafts(drafted.node)
        return drafted.node

    def _send_drafts(self, node: EdgeNode, replies: int = 1) -> None:
        kind, payload = MessageKind.PAYLOAD, self._session.seal(node)
        self.commands.append(machine.SendMessage(kind, node.round, payload.parts, payload, node, replies=replies))


class SpeculateEdge(DraftingEdge):
    """Drafts, encodes, sends, waits for the reply, and resolves."""

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self._verdicts: tuple[SeenVerdict, ...] = ()
        self._seen_cloud = SeenCloud()
        self._replies: dict[int, bytes] = {}
        """The replies that were not read yet, by round: one may overtake another."""

    @classmethod
    def needs(cls, scheme: Scheme) -> frozenset[Need]:
        assert isinstance(scheme, DraftScheme), f"scheme {scheme.kind} drafts nothing at the edge"
        needed = {
            Need.LOOKS: not scheme.plans,
            Need.PARTS: scheme.partial,
        }
        return frozenset(need for need in needed if needed[need])

    def _serve(self) -> Steps[EdgeState]:
        scheme = self._scheme
        node = yield from self._open()
        while remaining_tokens := self._answer.remaining:
            most = most_drafts(scheme.max_drafts, remaining_tokens)
            plan = self._policy.plan(most)
            if plan is not None and not scheme.partial:
                drafted = yield from self._draft_whole(node, plan)
                node, _ = yield from self._resolve(drafted)
                continue
            drafts = OpenDrafts(node, plan or most, remaining_tokens, planned=plan is not None)
            action = yield from self._draft(drafts)
            self.commands.append(Order.REST)
            if action is not None:
                node = yield from self._let_cloud_decode(node, min(action.tokens, MOST_COUNT))
                continue
            if scheme.partial:
                self._end_parts(drafts)
            else:
                self._send_drafts(drafts.node)
            node, accepted = yield from self._resolve(drafts.node)
            if plan is None:
                seen = yield from self._look()
                sent = len(drafts.parts) if scheme.partial else drafts.node.steps
                judged = self._session.verified(drafts.node, sent)
                self._learn(SeenVerdict(judged, accepted, seen.payload_bits, seen.put_s, seen.now_s, drafts.rung))
        return EdgeState(node.state, self._policy_state, node.cached)

    def _open(self) -> Steps[EdgeNode]:
        """The request up to its first draft, before which the edge's side is answered."""
        yield from ()
        self._send_prompt()
        return self._session.start

    # Draft, step by step, as time goes by.

    def _draft(self, drafts: OpenDrafts) -> Steps[CloudDecodes | None]:
        """A round of which each draft is decided on; answers where the policy leaves it to the cloud. Of a partial one
        each draft goes out as it is drawn, and the reply may come before the last."""
        number, partial_ = drafts.node.round, self._scheme.partial
        self.commands.append(machine.TakeTurn(number))
        yield
        while len(drafts.node.drafts) < drafts.most and not drafts.node.full and number not in self._replies:
            action: Action = DraftOne(drafts.rung)
            if not drafts.planned:
                action = yield from self._ask(drafts)
            if isinstance(action, CloudDecodes):
                return action
            if isinstance(action, Send):
                break
            if isinstance(action, DraftRound):
                drafts.rung = action.rung
                if not partial_:
                    node = self._session.on_rung(drafts.node, action.rung)
                    self.commands.append(machine.DraftAll(number, self._session, node, action.length))
                    whole = yield
                    assert isinstance(whole, machine.RoundDrafted), f"I3: {whole} while round {number} is drafted"
                    drafts.node = whole.node
                    return None
                drafts.most, drafts.planned = action.length, True
            elif isinstance(action, Wait):
                yield from self._work(machine.WaitUntil(number, action.until_s))
            elif drafts.distribution is not None:
                yield from self._draw(drafts)
            else:
                yield from self._draft_one(drafts, action.rung)
        if drafts.distribution is not None:
            drafts.node = self._session.stop(drafts.node)
        if not partial_:
            yield from self._work(machine.Encode(number, len(drafts.node.drafts)))
        return None

    def _work(self, command: machine.DraftPass | machine.Encode | machine.WaitUntil) -> Steps[bool]:
        """Has it done. False: the reply to the round came before the end, and it was given up."""
        self.commands.append(command)
        event = yield
        if isinstance(event, MessageArrived):
            self._read(event)
            self.commands.append(Order.STOP)
            return False
        return True

    def _draft_one(self, drafts: OpenDrafts, rung: int) -> Steps[None]:
        """A pass, and the draw from it, unless the policy is to see the distribution first."""
        if not drafts.node.drafts:
            drafts.rung, drafts.node = rung, self._session.on_rung(drafts.node, rung)
        made = yield from self._work(machine.DraftPass(drafts.node.round, drafts.node))
        if not made:
            return
        if self._policy.looks_at_law and drafts.node.drafts:
            drafts.distribution = self._session.look(drafts.node)
        else:
            yield from self._draw(drafts)

    def _draw(self, drafts: OpenDrafts) -> Steps[None]:
        """The draw from the distribution of the pass just made, if there is room. Of a partial round the draft is
        encoded and put on the link, whatever it is. It is marked as the last where that was known before it was
        drawn: by the most of the round, or where the first distribution alone is over the budget."""
        node, drafts.distribution = self._session.draft(drafts.node)[0], None
        drafts.node = node
        if not self._scheme.partial or node.full:
            return
        drafts.most = 1 if node.drafts[0].over_budget else drafts.most
        made = yield from self._work(machine.Encode(node.round, 1))
        if made:
            self._send_part(drafts)

    def _send_part(self, drafts: OpenDrafts) -> None:
        node, payload = drafts.node, self._session.seal(drafts.node, drafts.parts)
        drafts.parts, drafts.grows = payload.parts, len(node.drafts) < drafts.most
        if len(node.drafts) == 1:
            kind, grows = MessageKind.PAYLOAD, drafts.grows
            self.commands.append(machine.SendMessage(kind, node.round, payload.parts, payload, node, grows))
        else:
            self.commands.append(machine.AddPart(payload.parts[-1], not drafts.grows, payload, node))

    def _end_parts(self, drafts: OpenDrafts) -> None:
        """The edge knows that no draft follows, and sends that where the last part did not."""
        if drafts.node.round in self._replies:
            return
        if drafts.grows:
            self.commands.append(machine.AddPart(b"", True))
        self.commands.append(Order.AWAIT)

    # Let the policy decide.

    def _look(self) -> Steps[machine.TimeIs]:
        self.commands.append(Order.LOOK)
        seen = yield
        assert isinstance(seen, machine.TimeIs), f"I3: {seen} while the time is wanted"
        return seen

    def _ask(self, drafts: OpenDrafts) -> Steps[Action]:
        seen = yield from self._look()
        view = EdgeView(
            seen.now_s,
            tuple(SeenDraft(each.draft, each.confidence, each.dropped_mass) for each in drafts.node.drafts),
            drafts.most,
            drafts.remaining_tokens,
            self._verdicts,
            seen.link,
            drafts.distribution,
            self._seen_cloud,
            drafts.rung,
            self._scheme.rungs,
            seen.drafts_per_pass,
            self._scheme.branches,
            seen.watts,
        )
        action, self._policy_state = self._policy.next(view, self._policy_state)
        if isinstance(action, CloudDecodes) and self._scheme.families.reply.edge_corrects:
            reason = "lets the cloud decode by itself, which lacks the corrections that the edge draws"
            raise ConfigError(f"policy {self._policy.kind!r}: {reason} (scheme {self._scheme.kind!r})")
        return action

    def _learn(self, result: SeenVerdict) -> None:
        self._policy_state = self._policy.learn(result, self._policy_state)
        self._verdicts += (result,)

    # Send, and read the reply.

    def _let_cloud_decode(self, node: EdgeNode, tokens: int) -> Steps[EdgeNode]:
        """The cloud is to decode so many tokens, and each is taken as its turn comes."""
        last, since_s = node.round + tokens, None
        count = encode_request(tokens)
        self.commands.append(machine.SendMessage(MessageKind.COUNT, node.round, (count,), replies=tokens))
        while node.round < last and self._answer.remaining:
            node, _ = yield from self._resolve(node)
            seen = yield from self._look()
            if since_s is None:
                result = SeenVerdict(0, 0, seen.payload_bits, seen.put_s, seen.now_s)
            else:
                result = SeenVerdict(0, 0, 0, since_s, seen.now_s)
            self._learn(result)
            since_s = seen.now_s
        return node

    def _resolve(self, node: EdgeNode) -> Steps[tuple[EdgeNode, int]]:
        """Waits for the reply to the round, and takes the tokens that it commits. Answers how many drafts were
        accepted."""
        while node.round not in self._replies:
            event = yield
            if isinstance(event, MessageArrived):
                self._read(event)
        node, tokens = self._take(node)
        return node, len(tokens) - 1

    def _take(self, node: EdgeNode) -> tuple[EdgeNode, Tokens]:
        """Takes the reply to the round, which is here, and the tokens that it commits."""
        reply = self._replies.pop(node.round)
        if self._policy.hears_cloud:
            self._seen_cloud = SeenCloud(*decode_status(reply[-STATUS_BYTES:]))
            reply = reply[:-STATUS_BYTES]
        after, tokens = self._session.resolve(node, reply)
        self._answer.take(tokens)
        self._close(node, tokens)
        return after, tokens

    def _close(self, node: EdgeNode, tokens: Tokens) -> None:
        """The round, as it was drafted, is over."""
        self.commands.append(machine.CloseRound(node.round, tokens))

    def _read(self, message: MessageArrived) -> None:
        """A reply of the cloud."""
        self._replies[message.round] = message.parts[0]


class SpeculateCloud(CloudMachine):
    """Reads the prompt into the cache once, then verifies one round after the other: drafts, or one of a count.

    A payload that comes before its turn waits, undecoded: its context has the drafts of the rounds before it. One that
    a verification result has made void is dropped."""

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        scheme = terms.decoding.draft_setting.scheme
        self._session = terms.decoding.cloud()
        self._reports = scheme.families.policy.hears_cloud
        """Whether replies report how busy the cloud is."""
        self._node: CloudNode | None = None
        """After the last verified round; None: the prompt is not here yet."""
        self._prompt_tokens = 0
        self._ready = False
        """Whether the prompt is in the cache."""
        self._payloads: dict[int, Parts] = {}
        """The payloads that wait for their turn, by round; () is of a round without drafts."""
        self._answers: MessageKind = MessageKind.REPLY
        """What brings the next verification result down."""
        self._due: int | None = None
        """The round that waits for the prefill, or is verified."""
        self._alone = 0
        """Tokens that the cloud has yet to decode by itself."""

    def _arrived(self, message: MessageArrived) -> None:
        kind, number, parts = message.kind, message.round, message.parts
        if kind is MessageKind.PROMPT:
            prompt = bytes_prompt(parts[0], self._terms)
            self._begin(self._session.start(prompt), len(prompt))
            return
        if kind is MessageKind.COUNT:
            self._alone, parts = decode_request(parts[0]), ()
        next_ = 1 if self._node is None else self._node.round
        if number < next_:
            self.commands.append(machine.DropRounds((number,)))
            return
        self._payloads[number] = parts
        if number > next_:
            self.commands.append(machine.EnterState(number, "cloud_queue_s"))
        self._take_next()

    def _begin(self, node: CloudNode, prompt_tokens: int) -> None:
        self._node, self._prompt_tokens = node, prompt_tokens
        tokens = len(self._node.committed) - 1
        if tokens:
            self.commands.append(machine.SubmitJob(0, tokens, tokens, partial(self._prefill, self._node), "verify_s"))
            if self._due is not None:
                self.commands.append(Order.JOIN)
        else:
            self._prefilled(self._session.prefill(self._node))

    def _prefill(self, node: CloudNode) -> tuple[CloudNode, None]:
        return self._session.prefill(node), None

    def _prefilled(self, node: CloudNode, *, joins: bool = False) -> None:
        self._node, self._ready = node, True
        if self._due is not None:
            self._submit(self._due, joins=joins)

    def _join(self) -> None:
        """The round that waits for the prefill is verified in the pass that ends it."""
        assert self._node is not None, "I3: a round joins a job that was not submitted"
        self._prefilled(self._session.prefill(self._node), joins=True)

    def _take_next(self) -> None:
        """Has the next round verified if its payload is here and no other one is."""
        number = 1 if self._node is None else self._node.round
        if self._due is None and number in self._payloads:
            self._due = number
            if self._ready:
                self._submit(number)
                return
            self.commands.append(machine.EnterState(number, None))
            if self._node is not None:
                self.commands.append(Order.JOIN)

    def _submit(self, number: int, *, reads: bool = False, joins: bool = False) -> None:
        """Has the round's pass made. `reads`: in it the prompt is read too. `joins`: it ends the prompt's prefill."""
        node, parts = self._node, self._payloads.pop(number)
        assert node is not None and number == node.round, "I3: rounds are verified in order"
        new_tokens = self._session.receive(node, parts)
        self.commands.append(
            machine.SubmitJob(
                number,
                text_tokens=len(node.committed) + new_tokens,
                read_tokens=len(node.committed) if reads else node.cached,
                run=partial(self._session.verify, node, parts),
                serves="cloud_decode_s" if self._alone else "verify_s",
                verified_drafts=new_tokens - node.owed,
                joins=joins,
            )
        )

    def _job_done(self, job: JobDone) -> None:
        if not self._ready:
            self._prefilled(job.node)
            return
        number, verified, self._due, before = self._due, job.verified, None, self._node
        assert number is not None and verified is not None and before is not None, "I3: a job is done, not submitted"
        node = self._node = job.node
        made = is_made(node, self._prompt_tokens, self._terms)
        if made:
            self.commands.append(machine.FreeCache())
        if self._alone:
            self._alone = 0 if made else self._alone - 1
            if self._alone:
                self.commands.append(machine.OpenInCloud(node.round))
                self._payloads[node.round] = ()
                self._take_next()
        status = encode_status(Status(job.queue_s, job.serve_s, job.batch)) if self._reports else b""
        content = self._with_features(verified.reply + status, before, node, verified)
        self.commands.append(machine.SendReply(self._answers, number, content, verified))
        if self._payloads:
            self._take_next()

    def _with_features(self, reply: bytes, before: CloudNode, after: CloudNode, verified: Verified) -> bytes:
        """Returns the reply with what else comes down for the drafter."""
        return reply
