#include <stddef.h>
#include <xxhash.h>

/* In the library, but declared only by a header that renames XXH3_64bits to it: we want both. */
XXH64_hash_t XXH3_64bits_dispatch(const void *input, size_t length);
