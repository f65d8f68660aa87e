/* SPDX-License-Identifier: MIT */
/*
 * In the shared libweir-agent: loads the HTTP module, libweir-agent-http.so.VERSION, from the directory of
 * libweir-agent itself and from nowhere else. Neither the environment nor a search path matters.
 *
 * The module becomes part of the host, so only users who can change libweir-agent may be able to
 * change it: it must have the same owner, or root, and be writable by nobody else. The directory is
 * that of the file from which this library was loaded. It is noted at that time, and must still
 * hold the same file when the module is loaded. So a host that has changed its directory finds the
 * module, and a host that has changed its root to a directory in which others may write does not
 * load theirs.
 *
 * RTLD_LOCAL hides the names of the module's libraries from the host, RTLD_NOW resolves all symbols
 * before the exporter's thread runs, RTLD_NODELETE keeps running code in memory.
 */
#include "segment/descriptor.h"
#include "segment/file.h"
#include "wire/module.h"
#include "weir/atomic.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file of this very version: the link without a number, or with one, may lead to another's. */
#define LOADER_MODULE "libweir-agent-http.so." WEIR_VERSION
#define LOADER_SYMBOL "weir_agent_http"
#define LOADER_PARTS  32
#define LOADER_MEMORY ((size_t)1 << 20) /* more than the libraries allocate while they are loaded */

/* The file from which this library was loaded. */
static struct {
    char path[PATH_MAX]; /* absolute, without symbolic links; "": unknown */
    dev_t device;
    ino_t inode;
} library;

static const struct wi_http_module *loaded; /* atomic */

__attribute__((constructor)) static void loader_note_library(void)
{
    int before = errno;
    Dl_info info;
    struct stat file;
    if (dladdr(&library, &info) && realpath(info.dli_fname, library.path) &&
        stat(library.path, &file) == 0) {
        library.device = file.st_dev;
        library.inode = file.st_ino;
    } else {
        library.path[0] = '\0';
    }
    errno = before;
}

/* Whether only users who can change the library can change the module. */
static bool loader_is_guarded(const struct stat *module, const struct stat *beside)
{
    bool is_owned = module->st_uid == 0 || module->st_uid == beside->st_uid;
    bool is_groups = module->st_mode & S_IWGRP;
    bool is_shared =
        is_groups && !((beside->st_mode & S_IWGRP) && module->st_gid == beside->st_gid);
    return is_owned && !is_shared && !(module->st_mode & S_IWOTH);
}

/* Whether only root can change the file and all directories above it. */
static bool loader_is_roots(const char *path)
{
    char part[PATH_MAX];
    for (const char *end = path; end; end = strchr(end + 1, '/')) {
        size_t n = end == path ? 1 : (size_t)(end - path);
        struct stat entry;
        memcpy(part, path, n);
        part[n] = '\0';
        if (lstat(part, &entry) != 0 || entry.st_uid != 0 ||
            (entry.st_mode & (S_IWGRP | S_IWOTH))) {
            return false;
        }
    }
    struct stat file;
    return lstat(path, &file) == 0 && file.st_uid == 0 && !(file.st_mode & (S_IWGRP | S_IWOTH));
}

/* Whether the file holds all bytes that the linker will map: the linker does not check, and the
 * first access to missing bytes would end the host. */
static bool loader_is_whole(const char *path, uint64_t n_bytes)
{
    ElfW(Ehdr) head = {.e_phnum = 0};
    ElfW(Phdr) part[LOADER_PARTS];
    int fd = wi_descriptor_open(path, O_RDONLY, 0);
    bool is_whole = fd >= 0 && pread(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
                    memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 &&
                    head.e_phentsize == sizeof(part[0]) && head.e_phnum > 0 &&
                    head.e_phnum <= LOADER_PARTS;
    ssize_t n = (ssize_t)(head.e_phnum * sizeof(part[0]));
    is_whole = is_whole && pread(fd, part, (size_t)n, (off_t)head.e_phoff) == n;
    for (size_t i = 0; is_whole && i < head.e_phnum; i++) {
        is_whole = part[i].p_offset <= n_bytes && part[i].p_filesz <= n_bytes - part[i].p_offset;
    }
    if (fd >= 0) {
        close(fd);
    }
    return is_whole;
}

/* False: one line that says why it is not loaded. The module's path ends the line, where it may be cut. */
static bool loader_check(const char *path, struct weir_error *ret_error)
{
    struct stat beside;
    struct stat module;
    if (!library.path[0] || stat(library.path, &beside) != 0 || beside.st_dev != library.device ||
        beside.st_ino != library.inode) {
        wi_error_set(ret_error,
                     "no HTTP: libweir-agent was replaced, or lies outside of the program's root: "
                     "restart the "
                     "program, or link it with weir-agent-http: %s",
                     library.path);
        return false;
    }
    if (lstat(path, &module) != 0) {
        wi_error_set(ret_error, "no HTTP: install " LOADER_MODULE " beside libweir-agent: %s: %s",
                     strerror(errno), path);
        return false;
    }
    if (!S_ISREG(module.st_mode)) {
        wi_error_set(ret_error,
                     "no HTTP: " LOADER_MODULE
                     " is a symbolic link or no file: put the file itself there: %s",
                     path);
        return false;
    }
    if (!loader_is_guarded(&module, &beside)) {
        wi_error_set(ret_error,
                     "no HTTP: others may change " LOADER_MODULE
                     ": give it the owner of libweir-agent and take "
                     "their write permission away: %s",
                     path);
        return false;
    }
    if (!loader_is_whole(path, (uint64_t)module.st_size)) {
        wi_error_set(ret_error,
                     "no HTTP: " LOADER_MODULE
                     " is no library, or not all of it: install it again: %s",
                     path);
        return false;
    }
    if (getauxval(AT_SECURE) && !loader_is_roots(path)) {
        wi_error_set(ret_error,
                     "no HTTP: the program has more rights than its caller, so " LOADER_MODULE
                     " and all folders "
                     "above it must be root's alone: %s",
                     path);
        return false;
    }
    return true;
}

/* GnuTLS prints to the host's standard error when it finds no memory, so it is not loaded without. */
static bool loader_has_memory(struct weir_error *ret_error)
{
    void *probe = malloc(LOADER_MEMORY);
    if (!probe) {
        wi_error_set(ret_error, "no HTTP: there is no memory for " LOADER_MODULE);
    }
    free(probe);
    return probe != NULL;
}

static const struct wi_http_module *loader_open(const char *path, struct weir_error *ret_error)
{
    struct wi_low_descriptors low;
    wi_descriptor_hold_low(
        &low); /* the linker opens files, and constructors may keep theirs open */
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    wi_descriptor_free_low(&low);
    const struct wi_http_module *module = handle ? dlsym(handle, LOADER_SYMBOL) : NULL;
    if (!module) {
        const char *why = dlerror();
        wi_error_set(ret_error, "no HTTP: " LOADER_MODULE " cannot be loaded: %s",
                     why ? why : path);
    }
    return module;
}

const struct wi_http_module *wi_module_load(struct weir_error *ret_error)
{
    /* Pairs with the store at the end: the module is whole. */
    const struct wi_http_module *module = wi_load_acquire(&loaded);
    if (module) {
        return module;
    }
    char path[PATH_MAX + sizeof(LOADER_MODULE)];
    const char *name = strrchr(library.path, '/');
    int n = snprintf(path, sizeof(path), "%.*s/" LOADER_MODULE,
                     name ? (int)(name - library.path) : 0, library.path);
    if (n >= PATH_MAX || !loader_check(path, ret_error) || !loader_has_memory(ret_error)) {
        return NULL;
    }
    module = loader_open(path, ret_error);
    /* Pairs with the load at the start. */
    wi_store_release(&loaded, module);
    return module;
}
