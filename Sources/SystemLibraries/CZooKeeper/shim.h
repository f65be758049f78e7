/* The library with a thread of its own for input and output; without this the header hides its synchronous half. */
#define THREADED
#include <zookeeper/zookeeper.h>

/* The library keeps these as variables, which Swift does not let several threads read. */
static inline const struct ACL_vector *colony_acl(int is_creator_only) {
    return is_creator_only ? &ZOO_CREATOR_ALL_ACL : &ZOO_OPEN_ACL_UNSAFE;
}
