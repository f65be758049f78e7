// Queues on RabbitMQ, by its client library for C, which of those that Debian has takes the least of the processor.
//
//     publish: persistent messages with publisher confirms, so many outstanding per connection. What may be sent is sent in one go
//              (TCP_CORK), so that the client makes one segment of many messages, as a publisher that is in a hurry does.
//     consume: publishes a backlog, then takes it with a prefetch and acknowledges the latest of every so many, and all before it.
//
// Prints one line of JSON.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>

enum { BODY_BYTES = 256, MOST_SAMPLES = 1 << 22, CHANNEL = 1 };

static int port = 5672;
static const char *mode = "publish";
static const char *type = "quorum";
static int connections = 1;
static int outstanding = 1000;
static int prefetch = 1000;
static int ack_every = 100;
static int messages = 100000;
static double seconds = 5;
static char queue_name[64];

_Noreturn static void fail(const char *what, const char *why) {
    fprintf(stderr, "rabbitmq-queues: %s: %s\n", what, why);
    exit(1);
}

static void check_status(int status, const char *what) {
    if (status != AMQP_STATUS_OK) fail(what, amqp_error_string2(status));
}

static void check_reply(amqp_rpc_reply_t reply, const char *what) {
    switch (reply.reply_type) {
    case AMQP_RESPONSE_NORMAL: return;
    case AMQP_RESPONSE_LIBRARY_EXCEPTION: fail(what, amqp_error_string2(reply.library_error));
    case AMQP_RESPONSE_SERVER_EXCEPTION: {
        amqp_bytes_t text = {0, NULL};
        if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) text = ((amqp_channel_close_t *)reply.reply.decoded)->reply_text;
        if (reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
            text = ((amqp_connection_close_t *)reply.reply.decoded)->reply_text;
        }
        char buffer[512];
        snprintf(buffer, sizeof buffer, "%.*s", (int)text.len, (const char *)text.bytes);
        fail(what, buffer);
    }
    default: fail(what, "no reply");
    }
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void cork(amqp_connection_state_t connection, int on) {
    setsockopt(amqp_get_sockfd(connection), IPPROTO_TCP, TCP_CORK, &on, sizeof on);
}

static amqp_connection_state_t open_connection(void) {
    amqp_connection_state_t connection = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(connection);
    if (socket == NULL) fail("socket", "none could be made");
    check_status(amqp_socket_open(socket, "127.0.0.1", port), "connect");
    check_reply(
        amqp_login(connection, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest"), "log in");
    amqp_channel_open(connection, CHANNEL);
    check_reply(amqp_get_rpc_reply(connection), "open a channel");
    return connection;
}

static void close_connection(amqp_connection_state_t connection) {
    amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(connection);
}

// classic, classic-2 (the second version of its store), or quorum.
static void declare(amqp_connection_state_t connection) {
    amqp_table_entry_t entries[2];
    int count = 0;
    bool is_quorum = strcmp(type, "quorum") == 0;
    entries[count].key = amqp_cstring_bytes("x-queue-type");
    entries[count].value.kind = AMQP_FIELD_KIND_UTF8;
    entries[count++].value.value.bytes = amqp_cstring_bytes(is_quorum ? "quorum" : "classic");
    if (strcmp(type, "classic-2") == 0) {
        entries[count].key = amqp_cstring_bytes("x-queue-version");
        entries[count].value.kind = AMQP_FIELD_KIND_I32;
        entries[count++].value.value.i32 = 2;
    }
    amqp_table_t arguments = {count, entries};
    amqp_queue_declare(connection, CHANNEL, amqp_cstring_bytes(queue_name), 0, 1, 0, 0, arguments);
    check_reply(amqp_get_rpc_reply(connection), "declare");
}

// MARK: Publishing

struct publisher {
    pthread_t thread;
    int64_t from, to;  // What is confirmed in between counts.
    int64_t last;      // How many to publish; -1 for as many as there is time for.
    int64_t confirmed; // In between.
    int64_t finished;
    int64_t *samples;
    size_t sample_count;
};

static void publish(amqp_connection_state_t connection, const char *body) {
    static const amqp_basic_properties_t properties = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG, .delivery_mode = 2};
    amqp_bytes_t bytes = {BODY_BYTES, (void *)body};
    check_status(
        amqp_basic_publish(connection, CHANNEL, amqp_empty_bytes, amqp_cstring_bytes(queue_name), 0, 0, &properties, bytes), "publish");
}

static void *run_publisher(void *context) {
    struct publisher *self = context;
    amqp_connection_state_t connection = open_connection();
    amqp_confirm_select(connection, CHANNEL);
    check_reply(amqp_get_rpc_reply(connection), "confirm.select");
    char body[BODY_BYTES];
    memset(body, 'm', sizeof body);
    int window = outstanding / connections;
    int64_t *sent_at = calloc((size_t)window, sizeof *sent_at);
    bool *is_done = calloc((size_t)window, sizeof *is_done);
    // Sent, and confirmed with all before; tags begin at 1.
    uint64_t sent = 0, low = 0;
    while (true) {
        int64_t time = now();
        bool may_send = self->last < 0 ? time < self->to : sent < (uint64_t)self->last;
        if (!may_send && low == sent) break;
        if (may_send && sent - low < (uint64_t)window) {
            cork(connection, 1);
            while (sent - low < (uint64_t)window && (self->last < 0 || sent < (uint64_t)self->last)) {
                sent += 1;
                sent_at[sent % (uint64_t)window] = time;
                is_done[sent % (uint64_t)window] = false;
                publish(connection, body);
            }
            cork(connection, 0);
        }
        // One confirmation at least, and whatever has arrived with it.
        struct timeval limit = {30, 0};
        do {
            amqp_frame_t frame;
            check_status(amqp_simple_wait_frame_noblock(connection, &frame, &limit), "wait for a confirmation");
            if (frame.frame_type != AMQP_FRAME_METHOD || frame.payload.method.id != AMQP_BASIC_ACK_METHOD) {
                fail("wait for a confirmation", "something else came");
            }
            amqp_basic_ack_t *ack = frame.payload.method.decoded;
            int64_t then = now();
            uint64_t first = ack->multiple ? low + 1 : ack->delivery_tag;
            for (uint64_t tag = first; tag <= ack->delivery_tag; tag++) {
                size_t place = tag % (uint64_t)window;
                if (is_done[place]) continue;
                is_done[place] = true;
                if (then < self->from || (self->last < 0 && then >= self->to)) continue;
                self->confirmed += 1;
                if (self->sample_count < MOST_SAMPLES) self->samples[self->sample_count++] = then - sent_at[place];
            }
            while (low < sent && is_done[(low + 1) % (uint64_t)window]) low += 1;
            amqp_maybe_release_buffers(connection);
        } while (low < sent && (amqp_frames_enqueued(connection) || amqp_data_in_buffer(connection)));
    }
    self->finished = now();
    free(sent_at);
    free(is_done);
    close_connection(connection);
    return NULL;
}

static int compare(const void *first, const void *second) {
    int64_t a = *(const int64_t *)first, b = *(const int64_t *)second;
    return a < b ? -1 : a > b;
}

static struct publisher *run_publishers(int64_t last) {
    struct publisher *all = calloc((size_t)connections, sizeof *all);
    int64_t start = now();
    for (int number = 0; number < connections; number++) {
        all[number].from = last < 0 ? start + (int64_t)(seconds * 1e8) : start;
        all[number].to = all[number].from + (int64_t)(seconds * 1e9);
        all[number].last = last < 0 ? -1 : last / connections + (number < last % connections);
        all[number].samples = malloc(MOST_SAMPLES * sizeof *all[number].samples);
        pthread_create(&all[number].thread, NULL, run_publisher, &all[number]);
    }
    for (int number = 0; number < connections; number++) pthread_join(all[number].thread, NULL);
    return all;
}

static void measure_publishing(void) {
    struct publisher *all = run_publishers(-1);
    int64_t confirmed = 0;
    size_t count = 0;
    for (int number = 0; number < connections; number++) {
        confirmed += all[number].confirmed;
        count += all[number].sample_count;
    }
    if (count == 0) fail("publish", "nothing was confirmed in time");
    int64_t *samples = malloc(count * sizeof *samples);
    count = 0;
    for (int number = 0; number < connections; number++) {
        memcpy(samples + count, all[number].samples, all[number].sample_count * sizeof *samples);
        count += all[number].sample_count;
    }
    qsort(samples, count, sizeof *samples, compare);
    printf(
        "{\"mode\":\"%s\",\"type\":\"%s\",\"connections\":%d,\"messages\":%lld,\"messages_per_second\":%.1f,"
        "\"median_us\":%.1f,\"p99_us\":%.1f}\n",
        mode, type, connections, (long long)confirmed, (double)confirmed / seconds, (double)samples[count / 2] / 1e3,
        (double)samples[(size_t)((double)(count - 1) * 0.99)] / 1e3);
}

// MARK: Consuming

static void measure_consuming(void) {
    run_publishers(messages);
    amqp_connection_state_t connection = open_connection();
    amqp_basic_qos(connection, CHANNEL, 0, (uint16_t)prefetch, 0);
    check_reply(amqp_get_rpc_reply(connection), "basic.qos");
    int64_t start = now();
    amqp_basic_consume(connection, CHANNEL, amqp_cstring_bytes(queue_name), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    check_reply(amqp_get_rpc_reply(connection), "basic.consume");
    int received = 0;
    uint64_t tag = 0;
    struct timeval limit = {30, 0};
    while (received < messages) {
        amqp_frame_t frame;
        check_status(amqp_simple_wait_frame_noblock(connection, &frame, &limit), "wait for a message");
        if (frame.frame_type == AMQP_FRAME_METHOD && frame.payload.method.id == AMQP_BASIC_DELIVER_METHOD) {
            tag = ((amqp_basic_deliver_t *)frame.payload.method.decoded)->delivery_tag;
        } else if (frame.frame_type == AMQP_FRAME_BODY) {
            // A body of 256 bytes is one frame.
            received += 1;
            if (received % ack_every == 0 || received == messages) {
                check_status(amqp_basic_ack(connection, CHANNEL, tag, 1), "acknowledge");
                amqp_maybe_release_buffers(connection);
            }
        }
    }
    // Acknowledgements have no answer; the answer to this comes after they were taken.
    amqp_queue_declare_ok_t *left =
        amqp_queue_declare(connection, CHANNEL, amqp_cstring_bytes(queue_name), 1, 1, 0, 0, amqp_empty_table);
    check_reply(amqp_get_rpc_reply(connection), "look at the queue");
    int64_t took = now() - start;
    if (left == NULL || left->message_count != 0) fail("consume", "messages are left");
    printf(
        "{\"mode\":\"%s\",\"type\":\"%s\",\"connections\":1,\"messages\":%d,\"messages_per_second\":%.1f,"
        "\"median_us\":0,\"p99_us\":0}\n",
        mode, type, messages, messages / ((double)took / 1e9));
    close_connection(connection);
}

int main(int count, char **words) {
    for (int index = 1; index + 1 < count; index += 2) {
        const char *flag = words[index], *value = words[index + 1];
        if (strcmp(flag, "-port") == 0) port = atoi(value);
        else if (strcmp(flag, "-mode") == 0) mode = value;
        else if (strcmp(flag, "-type") == 0) type = value;
        else if (strcmp(flag, "-connections") == 0) connections = atoi(value);
        else if (strcmp(flag, "-outstanding") == 0) outstanding = atoi(value);
        else if (strcmp(flag, "-prefetch") == 0) prefetch = atoi(value);
        else if (strcmp(flag, "-ack-every") == 0) ack_every = atoi(value);
        else if (strcmp(flag, "-messages") == 0) messages = atoi(value);
        else if (strcmp(flag, "-seconds") == 0) seconds = atof(value);
        else fail(flag, "is not known");
    }
    // A server that has stopped reading must not stop the benchmark for ever.
    alarm((unsigned)(seconds * 2) + 120);
    snprintf(queue_name, sizeof queue_name, "bench-%s-%s", mode, type);
    amqp_connection_state_t connection = open_connection();
    declare(connection);
    close_connection(connection);
    if (strcmp(mode, "publish") == 0) measure_publishing();
    else if (strcmp(mode, "consume") == 0) measure_consuming();
    else fail(mode, "is no mode");
    // The next measurement on this server begins without these messages.
    connection = open_connection();
    amqp_queue_delete(connection, CHANNEL, amqp_cstring_bytes(queue_name), 0, 0);
    check_reply(amqp_get_rpc_reply(connection), "delete");
    close_connection(connection);
    return 0;
}
