#!/usr/bin/env python3
"""Writes src/text/unicode_tables.c: the character classes that tokenization depends on, as the installed
`tokenizers` package sees them.

That package holds four Unicode data bases of four ages (Oniguruma's for split patterns, Rust's standard library's for
Digits, the regex crate's for added tokens, a fork of unicode-normalization for NFC), none of them libc's or PCRE2's.
So nothing is looked up here: every class is found by asking the package about every code point.

    python3 tools/make_unicode_tables.py > src/text/unicode_tables.c
"""
import sys

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

BLOCK = 4096
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
BLOCKS = [CODE_POINTS[i:i + BLOCK] for i in range(0, len(CODE_POINTS), BLOCK)]


def matched_by(regex):
    """Code points that Oniguruma matches with `regex`: those that a split which removes its matches takes away."""
    split, found = pre_tokenizers.Split(Regex(regex), "removed"), set()
    for block in BLOCKS:
        kept = set()
        for _, (start, end) in split.pre_tokenize_str("".join(map(chr, block))):
            kept.update(block[start:end])
        found.update(set(block) - kept)
    return found


def numeric():
    """Rust's char::is_numeric, through Digits."""
    digits, found = pre_tokenizers.Digits(individual_digits=True), set()
    for block in BLOCKS:
        for _, (start, end) in digits.pre_tokenize_str("".join(chr(c) + "a" for c in block)):
            if start % 2 == 0 and end == start + 1:
                found.add(block[start // 2])
    return found


def added_token_hits(token, text):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.add_special_tokens([token])
    return tokenizer.encode(text).offsets


def word():
    """The regex crate's \\w: a single-word token is refused right after it."""
    found = set()
    for block in BLOCKS:
        hits = added_token_hits(AddedToken("\x01\x02", single_word=True, normalized=False),
                                "".join(chr(c) + "\x01\x02\n" for c in block))
        starts = {start for start, _ in hits}
        found.update(c for i, c in enumerate(block) if 4 * i + 1 not in starts)
    return found


def space_of_added_tokens():
    """The regex crate's \\s: a token that strips on its right takes it in."""
    found = set()
    for block in BLOCKS:
        hits = added_token_hits(AddedToken("\x01\x02", rstrip=True, normalized=False),
                                "".join("\x01\x02" + chr(c) + "a" for c in block))
        found.update(block[start // 4] for start, end in hits if end == start + 3)
    return found


def space_of_rust():
    """char::is_whitespace, through WhitespaceSplit."""
    split, found = pre_tokenizers.WhitespaceSplit(), set()
    for block in BLOCKS:
        kept = set()
        for _, (start, end) in split.pre_tokenize_str("".join(map(chr, block))):
            kept.update(block[start:end])
        found.update(set(block) - kept)
    return found


def normal():
    """Code points that the package's normalizer knows: they decompose, or have a combining class other than 0."""
    nfd, found = normalizers.NFD().normalize_str, set()
    for c in CODE_POINTS:
        char = chr(c)
        above_one = nfd("a" + char + "\u0334")[1:] != nfd(char) + "\u0334"       # U+0334 has class 1
        below_230 = nfd("a\u0301" + char)[1:] != "\u0301" + nfd(char)            # U+0301 has class 230
        if nfd(char) != char or above_one or below_230:
            found.add(c)
    return found


def classes():
    space = matched_by(r"\s")
    assert space == space_of_added_tokens() == space_of_rust(), "the package's kinds of white space differ"
    return [
        ("letter", matched_by(r"\p{L}")), ("mark", matched_by(r"\p{M}")), ("number", matched_by(r"\p{N}")),
        ("punctuation", matched_by(r"\p{P}")), ("symbol", matched_by(r"\p{S}")), ("space", space),
        ("numeric", numeric()), ("word", word()), ("normal", normal()),
    ]


def main():
    named = classes()
    flags = [0] * 0x110000
    for bit, (_, members) in enumerate(named):
        for c in members:
            flags[c] |= 1 << bit
    entries = [c << 9 | flags[c] for c in range(0x110000) if c == 0 or flags[c] != flags[c - 1]]
    counts = ", ".join(f"{len(members)} {name}" for name, members in named)
    print(f"""\
/* unicode_tables.c: made by tools/make_unicode_tables.py from tokenizers {tokenizers.__version__}; do not edit.
 *
 * An entry holds for its code point and all those up to the next entry's: code point << 9 | classes (unicode.h).
 * Members:
 * {counts}. */
#include "text/unicode.h"

const size_t unicode_range_count = {len(entries)};
const uint32_t unicode_ranges[{len(entries)}] = {{""")
    for i in range(0, len(entries), 10):
        print("    " + " ".join(f"0x{e:x}," for e in entries[i:i + 10]))
    print("};")
    print(f"{len(entries)} ranges; {counts}", file=sys.stderr)


if __name__ == "__main__":
    main()
