/* Stands between a process and its files, preloaded: writes down what is done to the files under one folder, for the
 * simulation of power cuts, or lets one operation fail.
 *
 * DISK_FOLDER   the folder that is watched, an absolute path without links in it
 * DISK_LOG      where to append what was done
 * DISK_FAIL     N:EIO, N:ENOSPC, N:EROFS, N:EMFILE or N:SHORT: what happens to the N-th operation from the start; with `N+:` to it
 *               and all that follow, as long as the file DISK_FAIL_WHILE exists
 * DISK_READS    if set, DISK_FAIL counts and fails what reads, and only that: opening and reading files and folders, and
 *               asking whether they are there; not reading from a place of a file, as sled does
 * DISK_HIT      a file that is made when an operation was failed
 *
 * A record of the log is a byte for the kind, two numbers and a length of eight bytes each (little endian), and data:
 *   C inode - path    a file was made            W inode offset bytes   written
 *   T inode length -  cut or grown               S inode - -            synced
 *   D - - path        a folder was synced        R - - from NUL to      renamed
 *   U - - path        removed                    M - - path             a folder was made
 * An operation and its record are one step: the order of the log is the order of the operations.
 *
 * SHORT writes half of what was asked, and the next write finds no room, as a disk does that fills up; an operation that
 * is no write is done. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *folder, *hit, *fail_while;
static size_t folder_length;
static int log_fd = -1;
static long fail_at, operations;
static int fail_all, fail_short, fail_errno, fail_reads, next_write_fails;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void init(void) {
    folder = getenv("DISK_FOLDER");
    if (!folder) return;
    folder_length = strlen(folder);
    hit = getenv("DISK_HIT");
    fail_while = getenv("DISK_FAIL_WHILE");
    const char *log = getenv("DISK_LOG"), *fail = getenv("DISK_FAIL");
    if (log) log_fd = REAL(open64)(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fail) {
        char *end;
        fail_at = strtol(fail, &end, 10);
        fail_all = *end == '+';
        end += fail_all + 1;
        fail_short = !strcmp(end, "SHORT");
        fail_errno = !strcmp(end, "EIO") ? EIO : !strcmp(end, "EROFS") ? EROFS : !strcmp(end, "EMFILE") ? EMFILE : ENOSPC;
        fail_reads = getenv("DISK_READS") != NULL;
    }
}

static int watched(const char *path) {
    pthread_once(&once, init);
    return folder && path && !strncmp(path, folder, folder_length) &&
           (path[folder_length] == '/' || path[folder_length] == 0);
}

/* The path of an open file in `path`, if it is watched. */
static int watched_fd(int fd, char path[4096]) {
    pthread_once(&once, init);
    if (!folder || fd < 0 || fd == log_fd) return 0;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, 4095);
    if (length <= 0) return 0;
    path[length] = 0;
    return watched(path);
}

static uint64_t inode(int fd) {
    struct stat found;
    return fstat(fd, &found) ? 0 : found.st_ino;
}

static void record(char kind, uint64_t a, uint64_t b, const void *data, size_t length) {
    if (log_fd < 0) return;
    char head[25];
    uint64_t numbers[3] = {a, b, length};
    head[0] = kind;
    memcpy(head + 1, numbers, sizeof numbers);
    struct iovec parts[2] = {{head, sizeof head}, {(void *)data, length}};
    if (REAL(writev)(log_fd, parts, length ? 2 : 1) < 0) abort();
}

/* Counts an operation and says whether it is one that is meant. */
static int this_one(void) {
    operations++;
    int meant = operations == fail_at || (fail_all && operations > fail_at);
    return meant && !(fail_while && access(fail_while, F_OK));
}

static void make_hit(void) {
    if (hit) close(REAL(open64)(hit, O_WRONLY | O_CREAT, 0600));
}

/* Counts something that reads and says whether it fails. */
static int read_fails(void) {
    if (!fail_at || !fail_reads) return 0;
    pthread_mutex_lock(&lock);
    int meant = this_one();
    pthread_mutex_unlock(&lock);
    if (!meant) return 0;
    make_hit();
    errno = fail_errno;
    return 1;
}

/* Counts an operation and says whether it fails; `bytes` is what a write would write, which SHORT makes less. */
static int fails(size_t *bytes) {
    if (!fail_at || fail_reads) return 0;
    int meant = this_one();
    if (bytes && next_write_fails) {
        next_write_fails = 0;
        errno = ENOSPC;
        return 1;
    }
    if (!meant) return 0;
    make_hit();
    if (fail_short && !fail_all) {
        if (!bytes) return 0;
        *bytes /= 2;
        next_write_fails = 1;
        if (*bytes) return 0;
    }
    errno = fail_errno;
    return 1;
}

static int opened(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode) {
    if (!watched(path)) return real(path, flags, mode);
    if (!(flags & (O_CREAT | O_TRUNC)) && read_fails()) return -1;
    pthread_mutex_lock(&lock);
    int made = (flags & O_CREAT) && access(path, F_OK), fd = -1;
    if (!((flags & (O_CREAT | O_TRUNC)) && fails(NULL))) {
        fd = real(path, flags, mode);
        if (fd >= 0 && made) record('C', inode(fd), 0, path, strlen(path));
        else if (fd >= 0 && (flags & O_TRUNC)) record('T', inode(fd), 0, NULL, 0);
    }
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return fd;
}

#define OPEN(name)                                                   \
    int name(const char *path, int flags, ...) {                     \
        va_list rest;                                                \
        va_start(rest, flags);                                       \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;    \
        va_end(rest);                                                \
        return opened(REAL(name), path, flags, mode);                \
    }
OPEN(open)
OPEN(open64)

/* Something done to an open file: `act` is done, and recorded if it went well. */
#define STEP(fd, result, bytes, act, kind, a, b, data, length)       \
    char path[4096];                                                 \
    if (!watched_fd(fd, path)) return act;                           \
    pthread_mutex_lock(&lock);                                       \
    __typeof__(act) result = -1;                                     \
    if (!fails(bytes)) {                                             \
        result = act;                                                \
        if (result >= 0) record(kind, a, b, data, length);           \
    }                                                                \
    int error = errno;                                               \
    pthread_mutex_unlock(&lock);                                     \
    errno = error;                                                   \
    return result;

ssize_t write(int fd, const void *data, size_t size) {
    STEP(fd, done, &size, REAL(write)(fd, data, size), 'W', inode(fd), lseek(fd, 0, SEEK_CUR) - done, data, done)
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    STEP(fd, done, &size, REAL(pwrite)(fd, data, size, at), 'W', inode(fd), at, data, done)
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    STEP(fd, done, &size, REAL(pwrite64)(fd, data, size, at), 'W', inode(fd), at, data, done)
}
int ftruncate(int fd, off_t length) {
    STEP(fd, done, NULL, REAL(ftruncate)(fd, length), 'T', inode(fd), length, NULL, 0)
}
int ftruncate64(int fd, off64_t length) {
    STEP(fd, done, NULL, REAL(ftruncate64)(fd, length), 'T', inode(fd), length, NULL, 0)
}

/* One that writes less than it could is no fault: who calls it goes on with the rest. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
    char path[4096];
    if (!watched_fd(fd, path)) return REAL(writev)(fd, parts, count);
    while (count > 1 && !parts->iov_len) parts++, count--;
    return count < 1 ? 0 : write(fd, parts->iov_base, parts->iov_len);
}

/* Whether something that reads from this file fails. */
static int fd_fails(int fd) {
    char path[4096];
    pthread_once(&once, init);
    return fail_reads && watched_fd(fd, path) && read_fails();
}
ssize_t read(int fd, void *to, size_t size) {
    return fd_fails(fd) ? -1 : REAL(read)(fd, to, size);
}
ssize_t readv(int fd, const struct iovec *parts, int count) {
    return fd_fails(fd) ? -1 : REAL(readv)(fd, parts, count);
}
DIR *opendir(const char *path) {
    return watched(path) && read_fails() ? NULL : REAL(opendir)(path);
}
int statx(int folder_fd, const char *restrict path, int flags, unsigned mask, struct statx *restrict found) {
    return watched(path) && read_fails() ? -1 : REAL(statx)(folder_fd, path, flags, mask, found);
}

static int is_folder(int fd) {
    struct stat found;
    return !fstat(fd, &found) && S_ISDIR(found.st_mode);
}

int fsync(int fd) {
    int of_folder = is_folder(fd);
    STEP(fd, done, NULL, REAL(fsync)(fd), of_folder ? 'D' : 'S', inode(fd), 0, path, of_folder ? strlen(path) : 0)
}
int fdatasync(int fd) {
    STEP(fd, done, NULL, REAL(fdatasync)(fd), 'S', inode(fd), 0, NULL, 0)
}
/* Hands pages to the disk, and promises nothing: it may fail and is not recorded. */
int sync_file_range(int fd, off64_t at, off64_t size, unsigned flags) {
    STEP(fd, done, NULL, REAL(sync_file_range)(fd, at, size, flags), 'N', 0, 0, NULL, 0)
}

/* What the record does not know would be missing from the simulation. */
static int refused(int fd) {
    char path[4096];
    return watched_fd(fd, path) ? (errno = EXDEV, 1) : 0;
}
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *to_at, size_t size, unsigned flags) {
    return refused(to) ? -1 : REAL(copy_file_range)(from, at, to, to_at, size, flags);
}
ssize_t sendfile64(int to, int from, off64_t *at, size_t size);
ssize_t sendfile64(int to, int from, off64_t *at, size_t size) {
    if (refused(to)) return errno = EINVAL, -1;
    return ((ssize_t(*)(int, int, off64_t *, size_t))dlsym(RTLD_NEXT, "sendfile64"))(to, from, at, size);
}

/* The path of a name in an open folder in `path`, if it is watched. */
static int watched_at(int folder_fd, const char *name, char path[4096]) {
    if (name[0] == '/' || folder_fd == AT_FDCWD) {
        if (strlen(name) >= 4096) abort();
        strcpy(path, name);
        return watched(path);
    }
    if (!watched_fd(folder_fd, path)) return 0;
    size_t length = strlen(path);
    if (length + strlen(name) + 2 > 4096) abort();
    path[length] = '/';
    strcpy(path + length + 1, name);
    return 1;
}
int openat64(int folder_fd, const char *name, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    char path[4096];
    if (!watched_at(folder_fd, name, path)) return REAL(openat64)(folder_fd, name, flags, mode);
    if (flags & (O_CREAT | O_TRUNC)) return errno = EXDEV, -1;
    return read_fails() ? -1 : REAL(openat64)(folder_fd, name, flags, mode);
}

/* Something done to a name. */
#define NAMED(call, act, kind, data, length)                         \
    if (!watched(call)) return act;                                  \
    pthread_mutex_lock(&lock);                                       \
    int done = -1;                                                   \
    if (!fails(NULL)) {                                              \
        done = act;                                                  \
        if (!done) record(kind, 0, 0, data, length);                 \
    }                                                                \
    int error = errno;                                               \
    pthread_mutex_unlock(&lock);                                     \
    errno = error;                                                   \
    return done;

int rename(const char *from, const char *to) {
    char both[8192];
    size_t first = strlen(from), second = strlen(to);
    if (first + second + 1 > sizeof both) abort();
    memcpy(both, from, first + 1);
    memcpy(both + first + 1, to, second);
    NAMED(from, REAL(rename)(from, to), 'R', both, first + second + 1)
}
int unlink(const char *path) {
    NAMED(path, REAL(unlink)(path), 'U', path, strlen(path))
}
int unlinkat(int folder_fd, const char *name, int flags) {
    char path[4096];
    NAMED(watched_at(folder_fd, name, path) ? path : NULL, REAL(unlinkat)(folder_fd, name, flags), 'U', path, strlen(path))
}
int mkdir(const char *path, mode_t mode) {
    NAMED(path, REAL(mkdir)(path, mode), 'M', path, strlen(path))
}
