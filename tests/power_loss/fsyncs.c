/* Preloaded into a process, it plays tricks on what the process writes.
 *
 * Notes in the file named by FSYNC_LOG what each completed fsync had made safe:
 * "<device> <inode> <size>", the size being that from before the call, since what came later may not be safe.
 *
 * While the file named by FAIL_WHEN exists, every fsync fails.
 *
 * While the file named by SLOW_WHEN exists, an fsync takes fifty milliseconds longer, as on a busy disk.
 *
 * While the file named by FULL_WHEN exists, small writes come too late and find the disk full: the ones that
 * begin a batch in sled, about which it tells nobody. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int noted(const char *name, int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    struct stat before;
    const char *fail = getenv("FAIL_WHEN");
    if (fail && access(fail, F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    const char *slow = getenv("SLOW_WHEN");
    if (slow && access(slow, F_OK) == 0) usleep(50000);
    int known = fstat(fd, &before) == 0;
    int result = real(fd);
    const char *path = getenv("FSYNC_LOG");
    if (result == 0 && known && path) {
        char line[96];
        int length = snprintf(line, sizeof line, "%llu %llu %lld\n", (unsigned long long)before.st_dev,
                              (unsigned long long)before.st_ino, (long long)before.st_size);
        int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (log < 0 || write(log, line, length) != length) abort();
        close(log);
    }
    return result;
}

int fsync(int fd) { return noted("fsync", fd); }
int fdatasync(int fd) { return noted("fdatasync", fd); }

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
    ssize_t (*real)(int, const void *, size_t, off64_t) =
        (ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    const char *path = getenv("FULL_WHEN");
    if (path && length <= 64 && access(path, F_OK) == 0) {
        usleep(200000);
        errno = ENOSPC;
        return -1;
    }
    return real(fd, bytes, length, offset);
}
