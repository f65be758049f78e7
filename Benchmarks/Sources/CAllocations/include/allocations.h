#ifndef COLONY_ALLOCATIONS_H
#define COLONY_ALLOCATIONS_H

#include <stdbool.h>
#include <stddef.h>

/// How often the calling thread has asked for memory since it began. Always 0 where allocations are not counted.
size_t colony_allocations(void);

/// The bytes that the program has allocated and not yet freed, with what the allocator adds to each.
size_t colony_allocated_bytes(void);

/// Whether the two above say anything: on Linux with glibc.
bool colony_counts_allocations(void);

#endif
