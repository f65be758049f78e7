/* A bare two-phase commit over two PostgreSQL databases, by their own C client: the statements and nothing else.
 *
 *     two-phase CONNECTION CONNECTION CHAINS SECONDS
 *
 * CHAINS transactions are under way, each with a connection to either database: BEGIN, one UPDATE, PREPARE TRANSACTION, and COMMIT
 * PREPARED, each sent to both databases at once and then awaited from both. Nobody writes a decision down, so a crash between the last
 * two leaves halves. A tenth of the time warms up and does not count. Prints one line of JSON.
 */
#include <inttypes.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct chain {
    int number;
    PGconn *databases[2];
    long count;
    pthread_t thread;
};

static const char *places[2];
static atomic_int counting, stopping;

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void fail(PGconn *database, const char *what) {
    fprintf(stderr, "two-phase: %s: %s\n", what, PQerrorMessage(database));
    exit(1);
}

/* Sends a statement to both, and then waits for both. */
static void both(struct chain *chain, const char *sql, int parameters, const char *const *values) {
    for (int side = 0; side < 2; side++) {
        PGconn *database = chain->databases[side];
        int sent = parameters ? PQsendQueryParams(database, sql, parameters, NULL, values, NULL, NULL, 0)
                              : PQsendQuery(database, sql);
        if (!sent) fail(database, sql);
    }
    for (int side = 0; side < 2; side++) {
        PGconn *database = chain->databases[side];
        PGresult *result;
        while ((result = PQgetResult(database))) {
            if (PQresultStatus(result) != PGRES_COMMAND_OK) fail(database, sql);
            PQclear(result);
        }
    }
}

static void *work(void *argument) {
    struct chain *chain = argument;
    char account[16], sql[128];
    const char *values[] = {"1", account};
    for (long number = 0; !atomic_load(&stopping); number++) {
        snprintf(account, sizeof account, "%d", chain->number);
        both(chain, "BEGIN", 0, NULL);
        both(chain, "UPDATE account SET balance = balance + $1 WHERE id = $2", 2, values);
        /* One server has one space of names, whatever the database. */
        for (int phase = 0; phase < 2; phase++) {
            const char *verb = phase ? "COMMIT PREPARED" : "PREPARE TRANSACTION";
            for (int side = 0; side < 2; side++) {
                snprintf(sql, sizeof sql, "%s 'bare:%d:%d:%ld'", verb, side, chain->number, number);
                if (!PQsendQuery(chain->databases[side], sql)) fail(chain->databases[side], sql);
            }
            for (int side = 0; side < 2; side++) {
                PGresult *result;
                while ((result = PQgetResult(chain->databases[side]))) {
                    if (PQresultStatus(result) != PGRES_COMMAND_OK) fail(chain->databases[side], verb);
                    PQclear(result);
                }
            }
        }
        if (atomic_load(&counting)) chain->count++;
    }
    return NULL;
}

static void sleep_for(double seconds) {
    struct timespec time = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};
    nanosleep(&time, NULL);
}

int main(int count, char **words) {
    if (count != 5) {
        fprintf(stderr, "usage: two-phase CONNECTION CONNECTION CHAINS SECONDS\n");
        return 64;
    }
    places[0] = words[1], places[1] = words[2];
    int chains = atoi(words[3]);
    double seconds = atof(words[4]);
    struct chain *all = calloc((size_t)chains, sizeof *all);
    for (int number = 0; number < chains; number++) {
        all[number].number = number + 1;
        for (int side = 0; side < 2; side++) {
            PGconn *database = PQconnectdb(places[side]);
            if (PQstatus(database) != CONNECTION_OK) fail(database, "connect");
            all[number].databases[side] = database;
        }
    }
    for (int number = 0; number < chains; number++) pthread_create(&all[number].thread, NULL, work, &all[number]);
    sleep_for(seconds / 10);
    int64_t start = now();
    atomic_store(&counting, 1);
    sleep_for(seconds);
    atomic_store(&stopping, 1);
    double span = (double)(now() - start) / 1e9;
    long transactions = 0;
    for (int number = 0; number < chains; number++) {
        pthread_join(all[number].thread, NULL);
        transactions += all[number].count;
    }
    printf("{\"transactions\": %ld, \"per_second\": %.1f}\n", transactions, (double)transactions / span);
    return 0;
}
