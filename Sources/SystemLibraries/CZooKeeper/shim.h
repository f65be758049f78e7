/* The library with a thread of its own for input and output; without this the header hides its synchronous half. */
#define THREADED
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

/* The library keeps these as variables, which Swift does not let several threads read. */
static inline const struct ACL_vector *colony_acl(int is_creator_only) {
    return is_creator_only ? &ZOO_CREATOR_ALL_ACL : &ZOO_OPEN_ACL_UNSAFE;
}

/* Whether a descriptor is a connection to a peer, which is written as zoo_get_current_server writes it. */
static inline int colony_is_connected_to(int descriptor, const char *peer) {
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    char host[INET6_ADDRSTRLEN] = {0};
    char text[INET6_ADDRSTRLEN + 16] = {0};
    memset(&address, 0, sizeof(address));
    if (getpeername(descriptor, (struct sockaddr *)&address, &size) != 0) return 0;
    if (address.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
        if (inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host)) == NULL) return 0;
        snprintf(text, sizeof(text), "%s:%d", host, (int)ntohs(v4->sin_port));
    } else if (address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;
        if (inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host)) == NULL) return 0;
        snprintf(text, sizeof(text), "[%s]:%d", host, (int)ntohs(v6->sin6_port));
    }
    return strcmp(text, peer) == 0;
}

/*
 * Ends the connections of this process to a peer, as if the peer had. The library has no call for it and shows its
 * descriptor to nobody, so all descriptors are looked at. Each that fits is looked at again as a duplicate, which cannot
 * become another file meanwhile. Returns how many were ended.
 */
static inline int colony_end_connections(const char *peer) {
    long bound = sysconf(_SC_OPEN_MAX);
    int count = 0;
    if (bound < 0 || bound > 65536) bound = 65536;
    for (int descriptor = 0; descriptor < (int)bound; descriptor++) {
        if (!colony_is_connected_to(descriptor, peer)) continue;
        int duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
        if (duplicate < 0) continue;
        if (colony_is_connected_to(duplicate, peer) && shutdown(duplicate, SHUT_RDWR) == 0) count++;
        close(duplicate);
    }
    return count;
}
