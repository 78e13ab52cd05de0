"""Writes text files as C string constants: embed.py [--header HEADER.h] OUT.c NAME=FILE ...

Meson calls it for the page's style sheet and script, and for FlagQA's facts, so that they can be edited as what they are.
HEADER.h declares the constants."""
import sys


def literal(data: bytes) -> str:
    """One C string per line of the file, so that the output stays readable."""
    lines = []
    for line in data.splitlines(keepends=True):
        text = "".join(chr(b) if 32 <= b < 127 and chr(b) not in '\\"?' else f"\\{b:03o}" for b in line)
        lines.append(f'    "{text}"')
    return "\n".join(lines)


def main() -> None:
    header, arguments = "report/page.h", sys.argv[1:]
    if arguments[0] == "--header":
        header, arguments = arguments[1], arguments[2:]
    out, *items = arguments
    parts = [f'/* Made by embed.py. */\n#include "{header}"\n']
    for item in items:
        name, _, path = item.partition("=")
        with open(path, "rb") as file:
            parts.append(f"const char {name}[] =\n{literal(file.read())};\n")
    with open(out, "w", encoding="ascii") as file:
        file.write("\n".join(parts))


if __name__ == "__main__":
    main()
