"""Counts the results in a meson testlog.json: prints "N passed, N failed", fails when any failed or none ran."""
import json
import sys

GOOD = {"OK", "EXPECTEDFAIL"}
NEITHER = {"SKIP"}


def main():
    try:
        with open(sys.argv[1], encoding="utf-8") as log:
            results = [json.loads(line)["result"] for line in log]
    except FileNotFoundError:
        results = []
    passed = sum(r in GOOD for r in results)
    failed = sum(r not in GOOD | NEITHER for r in results)
    if passed + failed == 0:
        print("count_tests: no test ran", file=sys.stderr)
        failed = 1
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
