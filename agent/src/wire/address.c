/* SPDX-License-Identifier: MIT */
/* Addresses and Host names, without a resolver, which would block. */
#include "wire/address.h"

#include "segment/descriptor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static bool address_is_literal(const char *name)
{
    struct in6_addr address;
    return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;
}

static bool address_is_listed(const char *list, const char *name)
{
    size_t length = strlen(name);
    while (list && *list) {
        list += strspn(list, ", \t");
        size_t item = strcspn(list, ", \t");
        if (item == length && strncasecmp(list, name, length) == 0) {
            return true;
        }
        list += item;
    }
    return false;
}

bool wi_host_passes(const char *host, const char *list)
{
    char name[256];
    size_t length = host[0] == '[' ? strcspn(host, "]") : strcspn(host, ":");
    const char *rest = host + length;
    if (host[0] == '[') {
        if (*rest != ']') {
            return false;
        }
        host++;
        length--;
        rest++;
    }
    if (*rest && (*rest != ':' || strspn(rest + 1, "0123456789") != strlen(rest + 1))) {
        return false;
    }
    if (length > 0 && host[length - 1] == '.') {
        length--;
    }
    if (length == 0 || length >= sizeof(name)) {
        return false;
    }
    memcpy(name, host, length);
    name[length] = 0;
    return address_is_literal(name) ||
           address_is_listed("localhost,localhost.localdomain,ip6-localhost,ip6-loopback", name) ||
           address_is_listed(list, name);
}

__attribute__((format(printf, 3, 4))) static enum weir_status address_fail(
    enum weir_status status, struct weir_error *ret_error, const char *format, ...)
{
    if (ret_error) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(ret_error->text, sizeof(ret_error->text), format, arguments);
        va_end(arguments);
    }
    return status;
}

static bool address_is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *four = (const void *)address;
        return ntohl(four->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *six = (const void *)address;
    return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) && six->sin6_addr.s6_addr[12] == 127);
}

/* "127.0.0.1:9464", "[::1]:0", "localhost:9464". No resolver: it would block. */
static bool address_parse(const char *text, struct sockaddr_storage *ret_address,
                          socklen_t *ret_length)
{
    char name[64];
    const char *colon = strrchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : 0;
    if (length == 0 || length >= sizeof(name) || strspn(colon + 1, "0123456789") == 0 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon + 1) > 5 ||
        strtoul(colon + 1, NULL, 10) > 65535) {
        return false;
    }
    uint16_t port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    memcpy(name, text, length);
    name[length] = 0;
    memset(ret_address, 0, sizeof(*ret_address));
    if (name[0] == '[' && name[length - 1] == ']') {
        struct sockaddr_in6 *six = (void *)ret_address;
        name[length - 1] = 0;
        six->sin6_family = AF_INET6;
        six->sin6_port = port;
        *ret_length = sizeof(*six);
        return inet_pton(AF_INET6, name + 1, &six->sin6_addr) == 1;
    }
    struct sockaddr_in *four = (void *)ret_address;
    four->sin_family = AF_INET;
    four->sin_port = port;
    *ret_length = sizeof(*four);
    const char *number = strcasecmp(name, "localhost") == 0 ? "127.0.0.1" : name;
    return inet_pton(AF_INET, number, &four->sin_addr) == 1;
}

static void address_write(const struct sockaddr_storage *address, struct wi_address *ret_address)
{
    char number[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_in *four = (const void *)address;
    const struct sockaddr_in6 *six = (const void *)address;
    if (address->ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &six->sin6_addr, number, sizeof(number));
        ret_address->port = ntohs(six->sin6_port);
        snprintf(ret_address->text, sizeof(ret_address->text), "[%s]:%u", number,
                 ret_address->port);
    } else {
        inet_ntop(AF_INET, &four->sin_addr, number, sizeof(number));
        ret_address->port = ntohs(four->sin_port);
        snprintf(ret_address->text, sizeof(ret_address->text), "%s:%u", number, ret_address->port);
    }
}

/* Listens, and determines the port. Owns: ret_fd is set as soon as there is a socket. */
static bool address_open(struct sockaddr_storage *address, socklen_t length, int *ret_fd)
{
    int on = 1;
    int fd = wi_descriptor_socket(address->ss_family, SOCK_STREAM, IPPROTO_TCP);
    if (fd < 0) {
        return false;
    }
    *ret_fd = fd;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    return bind(fd, (struct sockaddr *)address, length) == 0 && listen(fd, 128) == 0 &&
           getsockname(fd, (struct sockaddr *)address, &length) == 0;
}

enum weir_status wi_address_listen(const char *asked, const char *what, bool has_token,
                                   struct wi_address *ret_address, int *ret_fd,
                                   struct weir_error *ret_error)
{
    struct sockaddr_storage address;
    socklen_t length = 0;
    int fd = -1;
    if (!address_parse(asked, &address, &length)) {
        return address_fail(WEIR_E_ARGUMENT, ret_error,
                            "\"%.64s\" is not an address for %s: use ADDRESS:PORT, as "
                            "127.0.0.1:9464 or [::1]:0",
                            asked, what);
    }
    if (!address_is_loopback(&address) && !has_token) {
        return address_fail(
            WEIR_E_ARGUMENT, ret_error,
            "%.64s: beyond loopback %s needs a token: name a file that holds one in "
            "WEIR_TOKEN_FILE, or bind 127.0.0.1 and forward the port, for example by ssh -L",
            asked, what);
    }
    ret_address->is_loopback = address_is_loopback(&address);
    if (!address_open(&address, length, &fd)) {
        int error = errno;
        const char *why =
            error == EADDRINUSE
                ? "another program listens there; choose another port, or 0 for a free one"
                : strerror(error);
        address_fail(WEIR_E_SYSTEM, ret_error, "cannot serve %s on %.64s: %s", what, asked, why);
        if (fd >= 0) {
            close(fd);
        }
        return error == EACCES || error == EPERM ? WEIR_E_DENIED : WEIR_E_SYSTEM;
    }
    address_write(&address, ret_address);
    *ret_fd = fd;
    return WEIR_OK;
}
