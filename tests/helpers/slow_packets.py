"""A decoder of recoded packets, written a second time from the page of `channels.codec.packet`: Python integers, loops.

Only a prior's file is read by the shipped code. Modes other than "recoded" are not decoded, and nothing is refused.
"""

import math
from dataclasses import replace
from functools import cache

from channels.codec import prior_files
from channels.codec.context_coded import prior_tables

ONE, UNIT = 1 << 32, 1 << 30
LEVELS = 23
LOG = [round(math.log2(1 + i / 4096) * ONE) for i in range(4097)]
EXP = [round(2 ** (-i / 4096) * ONE) for i in range(4097)]


def log2(x):
    exponent = x.bit_length() - 1
    fraction = (x << 62 >> exponent) - (1 << 62)
    index, rest = fraction >> 50, fraction >> 30 & 0xFFFFF
    return (exponent << 32) + LOG[index] + ((LOG[index + 1] - LOG[index]) * rest >> 20)


def exp2(y):
    if y >> 32 > 33:
        return 0
    index, rest = y >> 20 & 0xFFF, y & 0xFFFFF
    return EXP[index] - ((EXP[index] - EXP[index + 1]) * rest >> 20) >> (y >> 32)


def octaves(x):
    return log2(x) >> 27


class Reader:
    """The packet as a binary fraction."""

    def __init__(self, payload):
        self.bytes = iter(payload)
        self.range, self.code = 1 << 56, 0
        for _ in range(7):
            self.code = self.code << 8 | next(self.bytes, 0)

    def target(self, total):
        return self.code // (self.range // total)

    def narrow(self, offset, width):
        self.code, self.range = self.code - offset, width
        while self.range < 1 << 48:
            self.range <<= 8
            self.code = self.code << 8 | next(self.bytes, 0)

    def symbol(self, begin, size, total):
        step = self.range // total
        self.narrow(step * begin, step * size)

    def uniform(self, total):
        value = self.target(total) if total > 1 else 0
        if total > 1:
            self.symbol(value, 1, total)
        return value

    def bit(self, zero):
        split = (self.range >> 16) * zero
        if self.code < split:
            self.narrow(0, split)
            return 0
        self.narrow(split, self.range - split)
        return 1


@cache
def prior(fingerprint, vocabulary):
    """Unigram weights, the order of ids by them, {token: {next: weight}}, and the rest of the file."""
    stored = prior_tables.unpack(prior_files.read_prior(fingerprint, vocabulary))
    weight = [round(2 ** (30 - byte / 8)) for byte in range(256)]
    order = sorted(range(vocabulary), key=lambda token: (stored.unigram[token], token))
    rows, at = {}, 0
    for token, length in enumerate(stored.lengths.tolist()):
        entries = zip(stored.row_ids[at : at + length].tolist(), stored.row_weights[at : at + length], strict=True)
        rows[token] = {each: weight[byte] for each, byte in entries}
        at += length
    plain = {name: part.tolist() for name, part in stored._asdict().items()}
    return [weight[byte] for byte in plain["unigram"]], order, rows, plain


class Listed:
    """A candidate and what is known of it."""

    def __init__(self, token):
        self.token, self.row, self.occurred, self.followed = token, 0, 0, 0


def wanted(part, context):
    """h of the context model."""
    h = [0] * 32
    if not context or context[-1] < 0:
        return h
    sums, read = [0] * 32, []
    for token in context[-64:]:
        sums = [s - (s >> 4) + (16 * v if token >= 0 else 0) for s, v in zip(sums, part["vectors"][token], strict=True)]
    for back in range(1, 5):
        known = back <= len(context) and context[-back] >= 0
        read += [16 * v for v in part["vectors"][context[-back]]] if known else [0] * 32
    read += sums
    units = []
    for unit, bias in enumerate(part["hidden_bias"]):
        total = bias + sum(value * row[unit] for value, row in zip(read, part["hidden"], strict=True))
        units.append(min(max(total >> 8, 0), 32767))
    for at, bias in enumerate(part["output_bias"]):
        total = bias + sum(unit * row[at] for unit, row in zip(units, part["output"], strict=True))
        h[at] = min(max(total >> 10, -32768), 32768)
    return h


def candidates(format, context):
    """The list, best first, and what the row leaves over."""
    unigram, order, rows, part = prior(format.prior, format.vocabulary)
    ell, context = format.resolution, context[-256:]
    last = context[-1] if context else -1
    row, found = rows.get(last, {}), {}
    left_over = max(UNIT - sum(row.values()), UNIT >> 10) if last >= 0 else UNIT
    for token, weight in sorted(row.items(), key=lambda entry: (-entry[1], entry[0])):
        if weight >= UNIT // (8 * 64 * ell):
            found[token] = Listed(token)
            found[token].row = weight
    for token in [*order[: min(16 * ell, 2048)], *(token for token in context if token >= 0)]:
        found.setdefault(token, Listed(token))
    followers = 0
    for place, token in enumerate(context):
        if token < 0:
            continue
        found[token].occurred += 1
        if place and last >= 0 and context[place - 1] == last:
            weight = 3 if place >= 2 and context[place - 2] == context[-2] >= 0 else 1
            found[token].followed += weight
            followers += weight
    known, h = sum(token >= 0 for token in context), wanted(part, context)
    for one in found.values():
        one.base = one.row + (left_over * unigram[one.token] >> 30)
        score = sum(a * b for a, b in zip(h, part["vectors"][one.token], strict=True)) >> 5
        one.raised = min(max(score, -256), 256)
        one.distribution = one.base * round(2 ** (16 + one.raised % 32 / 32)) >> (16 - one.raised // 32)
    whole = sum(one.distribution for one in found.values())
    listed = sum(one.base for one in found.values())
    scale = (UNIT << 20) // (whole + max(UNIT - listed, UNIT >> 10))
    share, recent = (2 * followers << 30) // (5 * (followers + 2)), UNIT >> 5 if known else 0
    for one in found.values():
        one.weight = ((UNIT - share - recent) * (one.distribution * scale >> 20) >> 30) + 1
        one.weight += share * one.followed // max(followers, 1) + recent * one.occurred // max(known, 1)
    kept = [one for one in found.values() if one.weight >= UNIT // (64 * ell)]
    return sorted(kept, key=lambda one: -one.weight), left_over


class Walk:
    """The questions about one draft; of a quantizer other than the lattice, `size` ids on a lattice of 1024."""

    def __init__(self, reader, format, context, before, size=None):
        if size:
            format = replace(format, resolution=1024, quantizer="lattice")
            before = {token: max(count * 1024 // sum(before.values()), 1) for token, count in before.items()}
        self.reader, self.format, self.before = reader, format, before
        self.unigram, self.order, _, self.part = prior(format.prior, format.vocabulary)
        self.listed, left_over = candidates(format, context)
        self.most, self.ell = size or format.largest_support, octaves(format.resolution)
        top = octaves(self.listed[0].weight) - 960 if self.listed else -960
        size = octaves(len(before)) + 32 if before else 0
        self.shared = [octaves(left_over) - 960, self.ell, octaves(self.most), 0 if before else 32, size, top]
        self.rest = [UNIT]
        for one in self.listed:
            self.rest.append(max(self.rest[-1] - one.weight, UNIT >> 10))

    def told(self, place):
        """The inputs of a candidate, or of the tail after all."""
        rest = octaves(self.rest[place]) - 960
        if place == len(self.listed):
            return [rest, 0, 0, 0, 0, 0, octaves(place + 1), rest, 0, *self.shared]
        one = self.listed[place]
        had = self.before.get(one.token)
        before = 384 + octaves(had) - self.ell if had else -32 if self.before else 0
        return [
            octaves(one.weight) - 960, octaves(one.base + 1) - 960, -4 * self.part["unigram"][one.token], one.raised,
            32 * min(one.occurred, 3), 32 * min(one.followed, 4), octaves(place + 1), rest, before, *self.shared,
        ]  # fmt: skip

    def moved(self, left, found, missed, least):
        self.state = [
            octaves(left) - self.ell, octaves(found + 1), octaves(self.most - found), 32 * missed.bit_length(),
            octaves(least),
        ]  # fmt: skip

    def ask(self, inputs, head):
        logit = self.part["second_bias"][head]
        for unit, bias in enumerate(self.part["first_bias"]):
            weights = (row[unit] for row in self.part["first"])
            total = bias + sum(w * x for w, x in zip(weights, [*inputs, *self.state], strict=True))
            logit += min(max(total, 0) >> 11, 4095) * self.part["second"][head][unit]
        logit = min(max(logit >> 11, -1536), 1536)
        return self.reader.bit(min(max(round(65536 / (1 + math.exp(logit / 128))), 4), 65532))

    def number(self, inputs, heads, largest):
        length = 1
        while length < LEVELS and 1 << length <= largest and self.ask(inputs, heads + length):
            length += 1
        least = 1 << length - 1
        reach, half = min(least, largest - least + 1), least // 2
        if reach > half > 0:
            least, reach = (least + half, reach - half) if self.ask(inputs, 3 * LEVELS + length - 1) else (least, half)
        return least + self.reader.uniform(reach)

    def draft(self):
        """{id: count}."""
        counts, left, missed, least = {}, self.format.resolution, 0, self.format.resolution
        for place, one in enumerate(self.listed):
            self.moved(left, len(counts), missed, least)
            inputs = self.told(place)
            missed += 1
            if self.ask(inputs, 0):
                count = left if len(counts) + 1 == self.most else self.number(inputs, 0, left)
                counts[one.token] = count
                left, missed, least = left - count, 0, min(least, count)
                if left == 0:
                    return counts
        self.moved(left, len(counts), missed, least)
        return counts | self.tail(left, len(counts))

    def sized(self):
        """The ids of a draft that holds `most`."""
        tokens, missed = [], 0
        for place, one in enumerate(self.listed):
            left = max(1024 * (self.most - len(tokens)) // self.most, 1)
            self.moved(left, len(tokens), missed, left)
            missed += 1
            if self.ask(self.told(place), 0):
                tokens.append(one.token)
                missed = 0
            if len(tokens) == self.most:
                return tokens
        return tokens + self.others(self.most - len(tokens))

    def tail(self, left, found):
        inputs, free = self.told(len(self.listed)), len(self.order) - len(self.listed)
        size = self.number(inputs, LEVELS, min(left, free, self.most - found))
        counts = []
        for more in range(size - 1, 0, -1):
            self.moved(left, more, 0, left)
            counts.append(self.number(inputs, 2 * LEVELS, left - more))
            left -= counts[-1]
        return dict(zip(self.others(size), [*counts, left], strict=True))

    def others(self, size):
        """So many ids that are no candidates."""
        passed, tokens = {one.token for one in self.listed}, []
        free = [token for token in self.order if token not in passed]
        for more in range(size, 0, -1):
            free = free[free.index(tokens[-1]) + 1 :] if tokens else free
            sums = [0]
            for token in reversed(free):
                sums.append(sums[-1] + self.unigram[token])
            sums.reverse()

            def before(x, sums=sums, more=more):
                share = exp2(min((log2(sums[0]) - log2(max(sums[x], 1))) * more, 40 << 32)) if sums[x] else 0
                return ONE - share + x

            value = self.reader.target(before(len(free)))
            at = next(x for x in range(len(free)) if value < before(x + 1))
            self.reader.symbol(before(at), before(at + 1) - before(at), before(len(free)))
            tokens.append(free[at])
        return tokens


def read_levels(reader, format, context, before):
    """{id: count} of a draft whose quantizer is cubic or logarithmic."""
    size, most = len(before), format.vocabulary
    if not (before and reader.bit(1 << 15)):
        least = 1 << reader.uniform(most.bit_length())
        size = least + reader.uniform(min(least, most - least + 1))
    levels, ell = {}, format.resolution
    for token in sorted(Walk(reader, format, context, before, size).sized()):
        levels[token] = 1 + reader.uniform(ell)
    if format.quantizer == "cubic":
        return levels
    return {token: exp2(16 * ONE * (ell - level) // (ell - 1)) >> 8 for token, level in levels.items()}


def decode(payload, format, context):
    """[(token, {id: count})] of a packet in the mode "recoded"; None in another. Not of the quantizer "dual"."""
    reader, most = Reader(payload), format.max_drafts
    if reader.target(32) >= 28:
        return None
    reader.symbol(0, 28, 32)
    if most <= 2:
        number = 1 + reader.uniform(most)
    else:
        value, between = reader.target(4 * (most - 2)), most - 2
        number = 1 if value < 2 * between else min(most, 2 + value - 2 * between)
        begin, size = (0, 2 * between) if number == 1 else (2 * between + number - 2, between if number == most else 1)
        reader.symbol(begin, size, 4 * between)
    context, before, found = list(context), {}, []
    for _ in range(number):
        if format.quantizer == "lattice":
            before = Walk(reader, format, context, before).draft()
        else:
            before = read_levels(reader, format, context, before)
        if format.token == "coded":
            total, begin = sum(before.values()), 0
            value = reader.target(total)
            for token in sorted(before):
                if value < begin + before[token]:
                    break
                begin += before[token]
            reader.symbol(begin, before[token], total)
        else:
            token = reader.uniform(format.vocabulary) if format.token == "flat" else -1
        context.append(token)
        found.append((token, before))
    return found
