// Counts allocations by standing in front of the C library's allocator.
//
// A program's own malloc takes the place of the library's, for the library's own calls as well, and glibc keeps its own
// reachable under other names. The count is one addition to a variable of the thread, so that what is measured in the
// same program is not disturbed. Sanitisers bring an allocator of their own; they are left alone.

#include "allocations.h"

// Says which C library this is.
#include <stdlib.h>

#if defined(__linux__) && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <errno.h>
#include <malloc.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static __thread size_t count __attribute__((tls_model("initial-exec")));

void *malloc(size_t size) {
    count += 1;
    return __libc_malloc(size);
}

void *calloc(size_t items, size_t size) {
    count += 1;
    return __libc_calloc(items, size);
}

void *realloc(void *block, size_t size) {
    count += 1;
    return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
    count += 1;
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count += 1;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) return EINVAL;
    count += 1;
    void *result = __libc_memalign(alignment, size);
    if (result == NULL) return ENOMEM;
    *block = result;
    return 0;
}

size_t colony_allocations(void) { return count; }

size_t colony_allocated_bytes(void) {
    struct mallinfo2 all = mallinfo2();
    return all.uordblks + all.hblkhd;
}

bool colony_counts_allocations(void) { return true; }

#else

size_t colony_allocations(void) { return 0; }

size_t colony_allocated_bytes(void) { return 0; }

bool colony_counts_allocations(void) { return false; }

#endif
