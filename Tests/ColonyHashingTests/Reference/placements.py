#!/usr/bin/env python3
"""Writes placements.json: where independent implementations place keys.

Nothing here is translated from the Swift sources. Sources of the figures:

- Ketama: libmemcached itself (Debian's libmemcached11, called through ctypes), with MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED;
  compared with the package uhashring for lists of equal weight.
- Jump: the package jump-consistent-hash, both its C and its Python function.
- Maglev: the pseudo-code of section 3.4 of the paper (NSDI 2016), with weights as in Envoy's maglev_lb.cc; the hashes are
  those of the package xxhash.
- Ring: points at XXH64(name, seed i), a key on the first point at or above XXH64(key, seed 0), with the package xxhash and
  bisect.
- Rendezvous: the largest -w / ln u, with math.log and the package xxhash.

    apt-get install libmemcached11
    pip install xxhash==4.1.0 uhashring==2.5 jump-consistent-hash==3.6.0
    python3 placements.py > placements.json
"""

import bisect
import ctypes
import json
import math

import jump
import uhashring
import xxhash

MASK = (1 << 64) - 1


def xxh64(text, seed=0):
    return xxhash.xxh64_intdigest(text.encode(), seed=seed)


KEYS = [f"user:{number}" for number in range(300)] + ["", "a", "München", "x" * 200]


# Ketama -----------------------------------------------------------------------------------------------------------------

library = ctypes.CDLL("libmemcached.so.11")
library.memcached_create.restype = ctypes.c_void_p
library.memcached_create.argtypes = [ctypes.c_void_p]
library.memcached_free.argtypes = [ctypes.c_void_p]
library.memcached_behavior_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint64]
library.memcached_server_add_with_weight.argtypes = [
    ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint16, ctypes.c_uint32]
library.memcached_generate_hash.restype = ctypes.c_uint32
library.memcached_generate_hash.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
library.memcached_lib_version.restype = ctypes.c_char_p

# The positions in enum memcached_behavior_t of libmemcached-1.0/types/behavior.h; read back below.
library.libmemcached_string_behavior.restype = ctypes.c_char_p
KETAMA_WEIGHTED = next(
    number for number in range(40)
    if library.libmemcached_string_behavior(number) == b"MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED")


def libmemcached(servers, keys):
    memcached = library.memcached_create(None)
    try:
        assert library.memcached_behavior_set(memcached, KETAMA_WEIGHTED, 1) == 0
        for host, port, weight in servers:
            assert library.memcached_server_add_with_weight(memcached, host.encode(), port, weight) == 0
        return [library.memcached_generate_hash(memcached, key.encode(), len(key.encode())) for key in keys]
    finally:
        library.memcached_free(memcached)


def ketama():
    lists = {
        "three equal": [("10.0.1.1", 11211, 1), ("10.0.1.2", 11211, 1), ("10.0.1.3", 11211, 1)],
        "one": [("localhost", 11211, 1)],
        "other ports": [("localhost", 11212, 1), ("localhost", 11213, 1), ("localhost", 11211, 1), ("::1", 11300, 1)],
        "weights": [("cache-a", 11211, 1), ("cache-b", 11211, 2), ("cache-c", 11311, 7), ("cache-d", 11211, 3)],
        "megabytes": [("10.0.1.1", 11211, 600), ("10.0.1.2", 11211, 300), ("10.0.1.3", 11211, 200),
                      ("10.0.1.4", 11211, 350), ("10.0.1.5", 11211, 1000), ("10.0.1.6", 11211, 800),
                      ("10.0.1.7", 11211, 950), ("10.0.1.8", 11211, 100)],
        "too light": [("heavy-1", 11211, 1000), ("light", 11211, 1), ("heavy-2", 11211, 1000)],
        "large weights": [("a", 11211, 4294967295), ("b", 11211, 4000000000), ("c", 11211, 123456789)],
        "utf-8": [("кэш-1", 11211, 1), ("кэш-2", 11211, 5)],
    }
    for count in (2, 5, 6, 7, 11, 13, 29, 41, 47, 55, 61, 83, 100):
        lists[f"equal {count}"] = [(f"node-{number}.example", 11211, 1) for number in range(count)]
    cases = []
    for name, servers in lists.items():
        # Single servers are short-circuited by the original; the ring gives the same.
        cases.append({"name": name, "servers": servers, "owners": libmemcached(servers, KEYS)})
    # An independent look at the default: the Python package that claims compatibility.
    servers = lists["three equal"]
    other = uhashring.HashRing(nodes=[host for host, _, _ in servers], hash_fn="ketama")
    names = [host for host, _, _ in servers]
    agreed = sum(names.index(other.get_node(key)) == owner for key, owner in zip(KEYS, cases[0]["owners"]))
    return cases, agreed


# Jump -------------------------------------------------------------------------------------------------------------------

def jump_cases():
    hashes = [0, 1, 2, 0xDEADBEEF, MASK, 1 << 63, (1 << 63) - 1] + [xxh64(key) for key in KEYS[:100]]
    cases = []
    for buckets in (1, 2, 3, 10, 100, 1_000, 65_536, 1_000_000, 2**31 - 1):
        owners = [jump.c_hash(value, buckets) for value in hashes]
        assert owners == [jump.py_hash(value, buckets) for value in hashes]
        cases.append({"buckets": buckets, "owners": owners})
    return {"hashes": [str(value) for value in hashes], "cases": cases}


# Maglev -----------------------------------------------------------------------------------------------------------------

def maglev(weights, size):
    """Pseudo-code 1 of section 3.4; `weights` maps names to weights."""
    names = sorted(weights, key=lambda name: name.encode())
    largest = max(weights.values())
    permutation = []
    for name in names:
        offset = xxh64(name, seed=0) % size
        skip = xxh64(name, seed=1) % (size - 1) + 1
        permutation.append((offset, skip))
    following = [0] * len(names)
    picks = [0] * len(names)
    entry = [-1] * size
    filled = 0
    iteration = 0
    while True:
        iteration += 1
        for node, name in enumerate(names):
            # Envoy: target_weight grows by the largest weight with each pick.
            if iteration * weights[name] < picks[node] * largest:
                continue
            offset, skip = permutation[node]
            while True:
                candidate = (offset + following[node] * skip) % size
                following[node] += 1
                if entry[candidate] < 0:
                    break
            entry[candidate] = node
            picks[node] += 1
            filled += 1
            if filled == size:
                return names, entry


def maglev_cases():
    cases = []
    for weights, size in (
        ({"a": 1, "b": 1, "c": 1}, 7),
        ({f"backend-{number}": 1 for number in range(10)}, 1_009),
        ({"small": 1, "medium": 2, "large": 5.5}, 251),
        ({"one": 0.1, "two": 0.3, "three": 0.7}, 127),
        ({f"10.0.0.{number}:8080": 1 + number % 3 for number in range(50)}, 65_537),
        ({"only": 3}, 2),
    ):
        names, entry = maglev(weights, size)
        # The beginning and a checksum (XXH64 of the owners as little-endian 16-bit numbers) of a large table.
        data = b"".join(node.to_bytes(2, "little") for node in entry)
        cases.append({
            "weights": weights, "size": size, "names": names, "slots": entry[:1_009],
            "checksum": str(xxhash.xxh64_intdigest(data)),
        })
    return cases


# Ring -------------------------------------------------------------------------------------------------------------------

def ring_cases():
    cases = []
    for weights, points in (
        ({f"node-{number}": 1 for number in range(10)}, 160),
        ({"a": 0.5, "b": 1, "c": 2.5, "d": 0.001}, 40),
        ({"only": 1}, 1),
        ({f"n{number}": 1 for number in range(100)}, 160),
    ):
        names = sorted(weights, key=lambda name: name.encode())
        ring = sorted(
            (xxh64(name, seed=number), node)
            for node, name in enumerate(names)
            for number in range(max(1, math.floor(weights[name] * points + 0.5))))
        hashes = [point for point, _ in ring]
        owners = [ring[bisect.bisect_left(hashes, xxh64(key)) % len(ring)][1] for key in KEYS]
        replicas = []
        for key in KEYS[:50]:
            position = bisect.bisect_left(hashes, xxh64(key))
            order = []
            for step in range(len(ring)):
                node = ring[(position + step) % len(ring)][1]
                if node not in order:
                    order.append(node)
            replicas.append(order[:3])
        cases.append({"weights": weights, "points": points, "names": names, "owners": owners, "replicas": replicas})
    return cases


# Rendezvous -------------------------------------------------------------------------------------------------------------

def splitmix(value):
    value = (value + 0x9E3779B97F4A7C15) & MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def rendezvous_cases():
    cases = []
    for weights in (
        {f"node-{number}": 1 for number in range(10)},
        {"a": 0.5, "b": 1, "c": 2.5, "d": 0.001},
        {f"n{number}": 1 + number % 4 for number in range(60)},
    ):
        names = sorted(weights, key=lambda name: name.encode())
        owners = []
        for key in KEYS:
            def score(node):
                mixed = splitmix(xxh64(key) ^ xxh64(names[node], seed=1))
                return -weights[names[node]] / math.log(((mixed >> 11) + 0.5) / 2**53)
            owners.append(max(range(len(names)), key=score))
        cases.append({"weights": weights, "names": names, "owners": owners})
    return cases


def main():
    ketama_lists, agreed = ketama()
    document = {
        "about": "Written by placements.py; see there for the sources.",
        "versions": {
            "libmemcached": library.memcached_lib_version().decode(), "xxhash": xxhash.VERSION,
            "jump-consistent-hash": "3.6.0", "uhashring": "2.5",
        },
        "uhashring agrees on": agreed,
        "keys": KEYS,
        "ketama": ketama_lists,
        "jump": jump_cases(),
        "maglev": maglev_cases(),
        "ring": ring_cases(),
        "rendezvous": rendezvous_cases(),
    }
    print(json.dumps(document, ensure_ascii=False, separators=(",", ":")))


if __name__ == "__main__":
    main()
