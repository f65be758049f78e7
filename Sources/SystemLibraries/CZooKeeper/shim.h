/* The library with a thread of its own for input and output; without this the header hides its synchronous half. */
#define THREADED
#include <zookeeper/zookeeper.h>
