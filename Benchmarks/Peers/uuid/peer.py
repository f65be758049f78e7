"""Prints how many version 4 UUIDs a second Python's standard library makes on one thread.

    python3 peer.py SECONDS
"""

import json
import platform
import sys
import time
import uuid

BATCH = 10_000


def rate(seconds):
    make, clock = uuid.uuid4, time.perf_counter
    start = now = clock()
    made = 0
    while now - start < seconds:
        for _ in range(BATCH):
            make()
        made += BATCH
        now = clock()
    return made / (now - start)


seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
rate(seconds / 5)
print(json.dumps({"ids_per_second": rate(seconds), "version": f"Python {platform.python_version()}"}))
