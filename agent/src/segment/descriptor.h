/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that are never 0, 1 or 2. A host may have closed these three while its code or a
 * library still prints to them. The output would go into a file of weir, if that had taken the
 * number. Therefore weir opens files only by these functions.
 *
 * The kernel gives out the lowest free number, which can only be changed afterwards. So that a file
 * never has a low number, not even for a moment, the closed ones of the three are filled first,
 * with descriptors that can neither be read nor written (O_PATH): printing to them still fails with
 * EBADF. They are closed again once the file is open. A host may close a low number at that very
 * moment, so the result is checked as well, and moved up.
 *
 * Threads: any; no lock, no state. errno is left as the opening set it.
 */
#ifndef WI_SEGMENT_DESCRIPTOR_H
#define WI_SEGMENT_DESCRIPTOR_H

#include <dirent.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#define WI_DESCRIPTOR_LOWEST 3 /* the lowest number of a file of weir */

struct wi_low_descriptors {
    bool is_held[WI_DESCRIPTOR_LOWEST];
};

/* Fills those of 0, 1 and 2 that are closed, and closes them again. Between the two, every
 * descriptor that the calling thread opens is above 2. For libraries that open files themselves;
 * all other code uses the functions below. */
void wi_descriptor_hold_low(struct wi_low_descriptors *ret_low);
void wi_descriptor_free_low(const struct wi_low_descriptors *low);

/* The same file under a number above 2. Owns: taken_fd is closed if it was low. Returns -1 for -1;
 * and -1, with taken_fd closed, when there are no numbers left. */
int wi_descriptor_raise(int taken_fd);

/* open(2), opendir(3), socket(2), accept4(2), epoll_create1(2), inotify_init1(2), pipe2(2). All close
 * on exec; sockets, inotify and pipe do not block. */
int wi_descriptor_open(const char *path, int flags, mode_t mode);
DIR *wi_descriptor_opendir(const char *path);
int wi_descriptor_socket(int domain, int type, int protocol);
int wi_descriptor_accept(int listener, struct sockaddr *ret_address, socklen_t *ret_length);
int wi_descriptor_epoll(void);
int wi_descriptor_inotify(void);
bool wi_descriptor_pipe(int ret_fds[2]);

#endif
