/* Stands between a process and its disk: counts the calls that change files below one folder, and at the chosen one kills
 * the process, fails the call or cuts a write short. Loaded with LD_PRELOAD; off until `faults_arm` is called.
 *
 * What goes through C's own buffered streams (fopen, fwrite) is not seen: libc calls itself there. Nothing that the
 * register store uses writes that way.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum mode { COUNT, KILL_BEFORE, KILL_AFTER, KILL_HALFWAY, FAIL_ONCE, FAIL_FROM, SHORT };
#define LONGEST 4096
#define LARGEST_LIST (1 << 20)

static char root[LONGEST];
static size_t root_length;
static volatile int armed, in_name_only;
static long chosen, count;
static enum mode chosen_mode;
static int chosen_error;
static char *record;
static size_t record_used, record_room;
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;

#define REAL(result, name, ...)                                                                                        \
    static result (*real)(__VA_ARGS__);                                                                                \
    if (!real) real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

void faults_arm(const char *folder, long call, int mode, int error) {
    root_length = strlen(folder);
    memcpy(root, folder, root_length + 1);
    chosen = call;
    chosen_mode = (enum mode)mode;
    chosen_error = error;
    count = 0;
    record_used = 0;
    armed = 1;
}

/* Syncing takes most of the time and changes nothing that another process sees. From here on it is counted, not done. */
void faults_sync_in_name_only(void) { in_name_only = 1; }

/* Number of calls since arming; nothing is counted or stopped from here on. */
long faults_disarm(void) {
    armed = 0;
    return count;
}

/* The calls since arming, one a line: call, path, second path, result, content of a list that was put in place. */
const char *faults_record(void) { return record_used ? record : ""; }

static void append(const char *text, size_t length) {
    if (record_used + length + 1 > record_room) {
        record_room = 2 * (record_used + length + 1);
        record = realloc(record, record_room);
        if (!record) abort();
    }
    memcpy(record + record_used, text, length);
    record_used += length;
    record[record_used] = 0;
}

static void append_list(const char *path) {
    size_t length = strlen(path);
    if (length < 5 || strcmp(path + length - 5, ".json")) return;
    int list = open(path, O_RDONLY);
    if (list < 0) return;
    char *content = malloc(LARGEST_LIST);
    ssize_t bytes = content ? read(list, content, LARGEST_LIST) : 0;
    for (ssize_t place = 0; place < bytes; place++)
        if (content[place] == '\n' || content[place] == '\t') content[place] = ' ';
    if (bytes > 0) append(content, (size_t)bytes);
    free(content);
    close(list);
}

static void note(const char *call, const char *path, const char *second, long result) {
    int kept = errno;
    char line[2 * LONGEST + 64];
    int length = snprintf(line, sizeof line, "%s\t%s\t%s\t%ld\t", call, path, second, result);
    pthread_mutex_lock(&guard);
    append(line, (size_t)length);
    if (*second && result == 0) append_list(second);
    append("\n", 1);
    pthread_mutex_unlock(&guard);
    errno = kept;
}

static int below(const char *path) {
    return !strncmp(path, root, root_length) && (path[root_length] == '/' || path[root_length] == 0);
}

static int path_of(int file, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, LONGEST - 1);
    path[length < 0 ? 0 : length] = 0;
    return length > 0;
}

/* The absolute path of what a call names relative to an open folder; whether it lies below the watched folder. */
static int concerns(int folder, const char *name, char *path) {
    if (!armed || !name) return 0;
    if (name[0] == '/') {
        snprintf(path, LONGEST, "%s", name);
    } else {
        char at[LONGEST];
        if (folder == AT_FDCWD ? !getcwd(at, sizeof at) : !path_of(folder, at)) return 0;
        snprintf(path, LONGEST, "%.2000s/%.2000s", at, name);
    }
    return below(path);
}

static int concerns_file(int file, char *path) { return armed && path_of(file, path) && below(path); }

/* What is there already needs no room, however full the disk is. */
static int is_new(const char *path) {
    int kept = errno, missing = access(path, F_OK) != 0;
    errno = kept;
    return missing;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Counts a call. Returns 1 where it has to fail, 2 where it has to be done by half; does not return where it kills. */
static int begin(int grows, int has_halves) {
    long number = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
    if (chosen_mode == FAIL_FROM) {
        if (chosen && number >= chosen && grows) return errno = chosen_error, 1;
        return 0;
    }
    if (number != chosen) return 0;
    if (chosen_mode == KILL_BEFORE || (chosen_mode == KILL_HALFWAY && !has_halves)) die();
    if (chosen_mode == FAIL_ONCE) return errno = chosen_error, 1;
    if (chosen_mode == KILL_HALFWAY || (chosen_mode == SHORT && has_halves)) return 2;
    return 0;
}

static void end(const char *call, const char *path, const char *second, long result) {
    note(call, path, second, result);
    if (chosen_mode == KILL_AFTER && count == chosen) die();
}

/* A call without halves: count, do or fail, note. */
#define WATCHED(call, path, second, grows, action)                                                                     \
    do {                                                                                                               \
        if (begin(grows, 0)) {                                                                                         \
            end(call, path, second, -1);                                                                               \
            return -1;                                                                                                 \
        }                                                                                                              \
        long result = (long)(action);                                                                                  \
        end(call, path, second, result);                                                                               \
        return result;                                                                                                 \
    } while (0)

/* A call that writes `bytes`: may also be done by half. */
#define WRITING(call, path, bytes, whole, half)                                                                        \
    do {                                                                                                               \
        int verdict = begin(1, (bytes) > 1);                                                                           \
        if (verdict == 1) {                                                                                            \
            end(call, path, "", -1);                                                                                   \
            return -1;                                                                                                 \
        }                                                                                                              \
        ssize_t result = verdict == 2 ? (half) : (whole);                                                              \
        if (verdict == 2 && chosen_mode == KILL_HALFWAY) die();                                                        \
        end(call, path, "", (long)result);                                                                             \
        return result;                                                                                                 \
    } while (0)

ssize_t write(int file, const void *from, size_t bytes) {
    REAL(ssize_t, write, int, const void *, size_t);
    char path[LONGEST];
    if (!concerns_file(file, path)) return real(file, from, bytes);
    WRITING("write", path, bytes, real(file, from, bytes), real(file, from, bytes / 2));
}

#define PWRITE(name)                                                                                                   \
    ssize_t name(int file, const void *from, size_t bytes, off_t place) {                                              \
        REAL(ssize_t, name, int, const void *, size_t, off_t);                                                         \
        char path[LONGEST];                                                                                            \
        if (!concerns_file(file, path)) return real(file, from, bytes, place);                                         \
        WRITING("pwrite", path, bytes, real(file, from, bytes, place), real(file, from, bytes / 2, place));            \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t writev(int file, const struct iovec *parts, int number) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    char path[LONGEST];
    if (!concerns_file(file, path)) return real(file, parts, number);
    WRITING("writev", path, number, real(file, parts, number), real(file, parts, number / 2));
}

#define PWRITEV(name)                                                                                                  \
    ssize_t name(int file, const struct iovec *parts, int number, off_t place) {                                       \
        REAL(ssize_t, name, int, const struct iovec *, int, off_t);                                                    \
        char path[LONGEST];                                                                                            \
        if (!concerns_file(file, path)) return real(file, parts, number, place);                                       \
        WRITING("pwritev", path, number, real(file, parts, number, place), real(file, parts, number / 2, place));      \
    }
PWRITEV(pwritev)
PWRITEV(pwritev64)

#define SENDFILE(name)                                                                                                 \
    ssize_t name(int to, int from, off_t *place, size_t bytes) {                                                       \
        REAL(ssize_t, name, int, int, off_t *, size_t);                                                                \
        char path[LONGEST];                                                                                            \
        if (!concerns_file(to, path)) return real(to, from, place, bytes);                                             \
        WRITING("sendfile", path, bytes, real(to, from, place, bytes), real(to, from, place, bytes / 2));              \
    }
SENDFILE(sendfile)
SENDFILE(sendfile64)

ssize_t copy_file_range(int from, off64_t *read_at, int to, off64_t *write_at, size_t bytes, unsigned int flags) {
    REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned int);
    char path[LONGEST];
    if (!concerns_file(to, path)) return real(from, read_at, to, write_at, bytes, flags);
    WRITING("copy_file_range", path, bytes, real(from, read_at, to, write_at, bytes, flags),
            real(from, read_at, to, write_at, bytes / 2, flags));
}

#define ON_FILE(name)                                                                                                  \
    int name(int file) {                                                                                               \
        REAL(int, name, int);                                                                                          \
        char path[LONGEST];                                                                                            \
        if (!concerns_file(file, path)) return in_name_only ? 0 : real(file);                                          \
        /* Room promised late is missed here: a full disk may show itself first when syncing. */                       \
        WATCHED(#name, path, "", 1, in_name_only ? 0 : real(file));                                                    \
    }
ON_FILE(fsync)
ON_FILE(fdatasync)

int msync(void *from, size_t bytes, int flags) {
    REAL(int, msync, void *, size_t, int);
    if (!armed) return real(from, bytes, flags);
    WATCHED("msync", "", "", 1, real(from, bytes, flags));
}

#define TRUNCATE(name)                                                                                                 \
    int name(int file, off_t bytes) {                                                                                  \
        REAL(int, name, int, off_t);                                                                                   \
        char path[LONGEST];                                                                                            \
        if (!concerns_file(file, path)) return real(file, bytes);                                                      \
        WATCHED("ftruncate", path, "", 1, real(file, bytes));                                                          \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define ALLOCATE(name)                                                                                                 \
    int name(int file, int mode, off_t place, off_t bytes) {                                                           \
        REAL(int, name, int, int, off_t, off_t);                                                                       \
        char path[LONGEST];                                                                                            \
        if (!concerns_file(file, path)) return real(file, mode, place, bytes);                                         \
        WATCHED("fallocate", path, "", 1, real(file, mode, place, bytes));                                             \
    }
ALLOCATE(fallocate)
ALLOCATE(fallocate64)

/* Unlike its sisters it returns the error's number. */
#define POSIX_ALLOCATE(name)                                                                                           \
    int name(int file, off_t place, off_t bytes) {                                                                     \
        REAL(int, name, int, off_t, off_t);                                                                            \
        char path[LONGEST];                                                                                            \
        if (!concerns_file(file, path)) return real(file, place, bytes);                                               \
        int result = begin(1, 0) ? chosen_error : real(file, place, bytes);                                            \
        end("posix_fallocate", path, "", result);                                                                      \
        return result;                                                                                                 \
    }
POSIX_ALLOCATE(posix_fallocate)
POSIX_ALLOCATE(posix_fallocate64)

#define WITH_MODE(flags)                                                                                               \
    mode_t mode = 0;                                                                                                   \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                                             \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode = va_arg(rest, mode_t);                                                                                   \
        va_end(rest);                                                                                                  \
    }

#define OPEN(name)                                                                                                     \
    int name(const char *asked, int flags, ...) {                                                                      \
        REAL(int, name, const char *, int, ...);                                                                       \
        WITH_MODE(flags)                                                                                               \
        char path[LONGEST];                                                                                            \
        if (!(flags & (O_CREAT | O_TRUNC)) || !concerns(AT_FDCWD, asked, path)) return real(asked, flags, mode);       \
        WATCHED("open", path, "", is_new(path), real(asked, flags, mode));                                                        \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                   \
    int name(int folder, const char *asked, int flags, ...) {                                                          \
        REAL(int, name, int, const char *, int, ...);                                                                  \
        WITH_MODE(flags)                                                                                               \
        char path[LONGEST];                                                                                            \
        if (!(flags & (O_CREAT | O_TRUNC)) || !concerns(folder, asked, path)) return real(folder, asked, flags, mode); \
        WATCHED("open", path, "", is_new(path), real(folder, asked, flags, mode));                                                \
    }
OPENAT(openat)
OPENAT(openat64)

int mkdir(const char *asked, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t);
    char path[LONGEST];
    if (!concerns(AT_FDCWD, asked, path)) return real(asked, mode);
    WATCHED("mkdir", path, "", is_new(path), real(asked, mode));
}

int mkdirat(int folder, const char *asked, mode_t mode) {
    REAL(int, mkdirat, int, const char *, mode_t);
    char path[LONGEST];
    if (!concerns(folder, asked, path)) return real(folder, asked, mode);
    WATCHED("mkdir", path, "", is_new(path), real(folder, asked, mode));
}

#define MOVE(name)                                                                                                     \
    int name(const char *asked, const char *wanted) {                                                                  \
        REAL(int, name, const char *, const char *);                                                                   \
        char path[LONGEST], second[LONGEST];                                                                           \
        if (!concerns(AT_FDCWD, wanted, second)) return real(asked, wanted);                                           \
        concerns(AT_FDCWD, asked, path);                                                                               \
        WATCHED(#name, path, second, 1, real(asked, wanted));                                                          \
    }
MOVE(rename)
MOVE(link)

int renameat(int folder, const char *asked, int to, const char *wanted) {
    REAL(int, renameat, int, const char *, int, const char *);
    char path[LONGEST], second[LONGEST];
    if (!concerns(to, wanted, second)) return real(folder, asked, to, wanted);
    concerns(folder, asked, path);
    WATCHED("rename", path, second, 1, real(folder, asked, to, wanted));
}

int renameat2(int folder, const char *asked, int to, const char *wanted, unsigned int flags) {
    REAL(int, renameat2, int, const char *, int, const char *, unsigned int);
    char path[LONGEST], second[LONGEST];
    if (!concerns(to, wanted, second)) return real(folder, asked, to, wanted, flags);
    concerns(folder, asked, path);
    WATCHED("rename", path, second, 1, real(folder, asked, to, wanted, flags));
}

int linkat(int folder, const char *asked, int to, const char *wanted, int flags) {
    REAL(int, linkat, int, const char *, int, const char *, int);
    char path[LONGEST], second[LONGEST];
    if (!concerns(to, wanted, second)) return real(folder, asked, to, wanted, flags);
    concerns(folder, asked, path);
    WATCHED("link", path, second, 1, real(folder, asked, to, wanted, flags));
}

#define REMOVE(name)                                                                                                   \
    int name(const char *asked) {                                                                                      \
        REAL(int, name, const char *);                                                                                 \
        char path[LONGEST];                                                                                            \
        if (!concerns(AT_FDCWD, asked, path)) return real(asked);                                                      \
        WATCHED(#name, path, "", 0, real(asked));                                                                      \
    }
REMOVE(unlink)
REMOVE(rmdir)

int unlinkat(int folder, const char *asked, int flags) {
    REAL(int, unlinkat, int, const char *, int);
    char path[LONGEST];
    if (!concerns(folder, asked, path)) return real(folder, asked, flags);
    WATCHED(flags & AT_REMOVEDIR ? "rmdir" : "unlink", path, "", 0, real(folder, asked, flags));
}
