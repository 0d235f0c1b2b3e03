#!/usr/bin/python3
"""Counts the cases of a `meson test` run and ends with `N passed, N failed, N skipped`.

usage: test_summary.py BUILD/meson-logs/testlog.json [NAME]
A cmocka program counts its cases; any other test counts as one. A program that fails or is killed
without a failed case of its own (a sanitizer's report, a crash, a time limit) counts as one failure."""
import json
import re
import sys

CASE = re.compile(r'^\[\s*(RUN|OK|FAILED|SKIPPED)\s*\] (test_\w+)', re.M)
BAD = {'FAIL', 'TIMEOUT', 'ERROR', 'INTERRUPT', 'UNEXPECTEDPASS'}


def cases_of(run):
    """name -> 'passed' | 'failed' | 'skipped' of one program's cases."""
    text = (run.get('stdout') or '') + '\n' + (run.get('stderr') or '')
    cases = {}
    for verb, name in CASE.findall(text):
        if verb == 'RUN':
            cases.setdefault(name, 'failed')  # unless it ends otherwise
        elif verb == 'FAILED':
            cases[name] = 'failed'
        else:
            cases[name] = 'passed' if verb == 'OK' else 'skipped'
    return cases


def judge(run):
    cases = cases_of(run)
    result = run['result']
    if not cases:
        cases = {run['name']: 'skipped' if result == 'SKIP' else 'failed' if result in BAD else 'passed'}
    elif result in BAD and 'failed' not in cases.values():
        cases[f'{run["name"]} ({result.lower()}, exit {run["returncode"]})'] = 'failed'
    return cases


def main():
    count = {'passed': 0, 'failed': 0, 'skipped': 0}
    runs = 0
    try:
        with open(sys.argv[1], encoding='utf-8') as log:
            for line in log:
                run = json.loads(line)
                runs += 1
                for name, verdict in judge(run).items():
                    count[verdict] += 1
                    if verdict != 'passed':
                        print(f'{verdict}: {run["name"]}: {name}')
    except OSError as why:
        print(f'no test log: {why}')
    if runs == 0:
        print('no test ran')
        count['failed'] += 1
    print(f'{count["passed"]} passed, {count["failed"]} failed, {count["skipped"]} skipped')
    return count['failed'] != 0


if __name__ == '__main__':
    sys.exit(main())
