/* Pairs on ZooKeeper by its own C client: the requests of a lock that is taken without contention and given back.
 *
 *     zookeeper-pairs HOST:PORT CHAINS SECONDS
 *
 * One session has CHAINS pairs under way, each below a node of its own: create an ephemeral sequential node and list the
 * children, both sent at once, and delete the node when both are answered. A tenth of the time warms up and does not count.
 * Prints one line of JSON.
 */
#define THREADED
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zookeeper/zookeeper.h>

struct chain {
    char parent[64];
    char path[256];
    int answers;
};

static zhandle_t *session;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int connected, running;
static atomic_int stopping;
static long pairs;
static const char data[] = "owner-00000000000000000000000000000000\ncolony/1 duration_ns=9000000000";

static void fail(const char *what, int code) {
    fprintf(stderr, "zookeeper-pairs: %s: %s\n", what, zerror(code));
    exit(1);
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void watch(zhandle_t *handle, int type, int state, const char *path, void *context) {
    (void)handle, (void)path, (void)context;
    if (type != ZOO_SESSION_EVENT || state != ZOO_CONNECTED_STATE) return;
    pthread_mutex_lock(&lock);
    connected = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void begin(struct chain *chain);

/* All completions run on one thread of the library, so the counters need no lock. */
static void deleted(int code, const void *context) {
    if (code != ZOK) fail("delete", code);
    pairs++;
    begin((struct chain *)context);
}

static void answered(struct chain *chain) {
    if (++chain->answers < 2) return;
    int code = zoo_adelete(session, chain->path, -1, deleted, chain);
    if (code != ZOK) fail("delete", code);
}

static void created(int code, const char *path, const struct Stat *stat, const void *context) {
    (void)stat;
    struct chain *chain = (struct chain *)context;
    if (code != ZOK) fail("create", code);
    snprintf(chain->path, sizeof chain->path, "%s", path);
    answered(chain);
}

static void listed(int code, const struct String_vector *names, const struct Stat *stat, const void *context) {
    (void)stat;
    if (code != ZOK) fail("children", code);
    if (names->count != 1) fail("somebody else stands there", ZSYSTEMERROR);
    answered((struct chain *)context);
}

static void begin(struct chain *chain) {
    if (atomic_load(&stopping)) {
        pthread_mutex_lock(&lock);
        if (--running == 0) pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
        return;
    }
    char path[128];
    snprintf(path, sizeof path, "%s/_c_00000000-0000-0000-0000-000000000000-lock-", chain->parent);
    chain->answers = 0;
    int code = zoo_acreate2(session, path, data, sizeof data - 1, &ZOO_OPEN_ACL_UNSAFE,
                            ZOO_EPHEMERAL | ZOO_SEQUENCE, created, chain);
    if (code != ZOK) fail("create", code);
    code = zoo_aget_children2(session, chain->parent, 0, listed, chain);
    if (code != ZOK) fail("children", code);
}

static void pause_until(int64_t moment) {
    struct timespec time = {.tv_sec = moment / 1000000000, .tv_nsec = moment % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) != 0) {}
}

int main(int count, char **words) {
    int chains = count == 4 ? atoi(words[2]) : 0;
    double seconds = count == 4 ? atof(words[3]) : 0;
    if (chains < 1 || seconds <= 0) {
        fprintf(stderr, "usage: zookeeper-pairs HOST:PORT CHAINS SECONDS\n");
        return 64;
    }
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    session = zookeeper_init(words[1], watch, 10000, NULL, NULL, 0);
    if (session == NULL) fail("no session", ZSYSTEMERROR);
    pthread_mutex_lock(&lock);
    while (!connected) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);

    struct chain *all = calloc(chains, sizeof *all);
    int code = zoo_create(session, "/peer", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    if (code != ZOK && code != ZNODEEXISTS) fail("create /peer", code);
    for (int index = 0; index < chains; index++) {
        snprintf(all[index].parent, sizeof all[index].parent, "/peer/bench-%d", index);
        code = zoo_create(session, all[index].parent, "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
        if (code != ZOK && code != ZNODEEXISTS) fail("create a parent", code);
    }
    running = chains;
    for (int index = 0; index < chains; index++) begin(&all[index]);
    int64_t from = now() + (int64_t)(seconds * 1e8);
    pause_until(from);
    long before = *(volatile long *)&pairs;
    int64_t start = now();
    pause_until(start + (int64_t)(seconds * 1e9));
    long after = *(volatile long *)&pairs;
    int64_t end = now();
    atomic_store(&stopping, 1);
    pthread_mutex_lock(&lock);
    while (running > 0) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    double elapsed = (end - start) / 1e9;
    printf("{\"pairs\":%ld,\"seconds\":%.3f,\"pairs_per_second\":%.1f}\n", after - before, elapsed,
           (after - before) / elapsed);
    zookeeper_close(session);
    return 0;
}
