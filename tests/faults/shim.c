/* Preloaded into a process: counts its writing calls below a folder, and at one of them kills the process, tears the write,
   loses writes that were not synced ("power"), or returns EIO or ENOSPC. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { COUNT, KILL, TORN, POWER, IO_ERROR, NO_SPACE };

static atomic_long calls;
static long at = -1;
static char folder[512];
static int mode;
static unsigned coin;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* a file by its number, with a descriptor that outlives the one that wrote it: a file may be synced by another descriptor */
struct file { dev_t dev; ino_t ino; int fd; struct file *next; };
static struct file *files;

/* what a file held before each write that was not synced since */
struct unsynced { struct file *file; off_t offset; size_t size; char *old; size_t old_size; struct unsynced *next; };
static struct unsynced *pending;

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pread)(int, void *, size_t, off_t);
static int (*real_fsync)(int), (*real_fdatasync)(int), (*real_ftruncate)(int, off_t);
static int (*real_rename)(const char *, const char *), (*real_unlink)(const char *), (*real_link)(const char *, const char *);
static int (*real_mkdir)(const char *, mode_t);

__attribute__((constructor)) static void init(void) {
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_write = dlsym(RTLD_NEXT, "write");
    real_pread = dlsym(RTLD_NEXT, "pread64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_link = dlsym(RTLD_NEXT, "link");
    real_mkdir = dlsym(RTLD_NEXT, "mkdir");
}

void shim_config(const char *below, long call, int what) {
    strncpy(folder, below, sizeof folder - 1);
    at = call;
    mode = what;
    atomic_store(&calls, 0);
    coin = (unsigned)call * 2654435761u + 1;
}

long shim_calls(void) { return atomic_load(&calls); }

static int below(const char *path) { return folder[0] && path && !strncmp(path, folder, strlen(folder)); }

static int inside(int fd) {
    char link[64], path[600];
    if (!folder[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    return below(path);
}

static void die(void) { kill(getpid(), SIGKILL); for (;;) pause(); }

static void lose_unsynced(void) {
    for (struct unsynced *u = pending; u; u = u->next) {
        coin = coin * 1103515245u + 12345u;
        if (!((coin >> 16) & 1)) continue;
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", u->file->fd);
        int fd = open(link, O_WRONLY); /* not the one that appends: it would write at the end */
        if (fd < 0) continue;
        if (u->old_size) { real_pwrite(fd, u->old, u->old_size, u->offset); continue; }
        char zeros[4096] = {0};
        for (size_t done = 0; done < u->size; done += sizeof zeros) {
            size_t n = u->size - done < sizeof zeros ? u->size - done : sizeof zeros;
            real_pwrite(fd, zeros, n, u->offset + done);
        }
    }
}

/* call with the lock */
static struct file *file_of(int fd, int make) {
    struct stat is;
    if (fstat(fd, &is)) return NULL;
    for (struct file *f = files; f; f = f->next) if (f->dev == is.st_dev && f->ino == is.st_ino) return f;
    if (!make) return NULL;
    struct file *f = malloc(sizeof *f);
    f->dev = is.st_dev; f->ino = is.st_ino; f->fd = dup(fd); f->next = files;
    return files = f;
}

static void note(int fd, off_t offset, size_t size) {
    struct unsynced *u = malloc(sizeof *u);
    u->offset = offset; u->size = size; u->old = malloc(size);
    ssize_t got = real_pread(fd, u->old, size, offset);
    u->old_size = got > 0 ? got : 0;
    pthread_mutex_lock(&lock);
    if ((u->file = file_of(fd, 1))) { u->next = pending; pending = u; } else { free(u->old); free(u); }
    pthread_mutex_unlock(&lock);
}

static void synced(int fd) {
    pthread_mutex_lock(&lock);
    struct file *file = file_of(fd, 0);
    for (struct unsynced **p = &pending; file && *p;) {
        if ((*p)->file != file) { p = &(*p)->next; continue; }
        struct unsynced *u = *p; *p = u->next; free(u->old); free(u);
    }
    pthread_mutex_unlock(&lock);
}

static int hit(void) { return atomic_fetch_add(&calls, 1) + 1 == at; }

/* at the chosen call; 1 where it is to fail */
static int strike(void) {
    if (mode == POWER) lose_unsynced();
    if (mode == KILL || mode == TORN || mode == POWER) die();
    errno = mode == IO_ERROR ? EIO : ENOSPC;
    return mode == IO_ERROR || mode == NO_SPACE;
}

ssize_t pwrite64(int fd, const void *data, size_t n, off_t offset) {
    if (inside(fd)) {
        if (hit()) { if (mode == TORN) real_pwrite(fd, data, n / 2, offset); if (strike()) return -1; }
        if (mode == POWER) note(fd, offset, n);
    }
    return real_pwrite(fd, data, n, offset);
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t offset) { return pwrite64(fd, data, n, offset); }

ssize_t write(int fd, const void *data, size_t n) {
    if (inside(fd)) {
        if (hit()) { if (mode == TORN) real_write(fd, data, n / 2); if (strike()) return -1; }
        off_t offset = lseek(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
        if (mode == POWER && offset >= 0) note(fd, offset, n);
    }
    return real_write(fd, data, n);
}

#define MAY_FAIL(where) if ((where) && hit() && strike()) return -1

int fsync(int fd) { MAY_FAIL(inside(fd)); int r = real_fsync(fd); if (mode == POWER) synced(fd); return r; }
int fdatasync(int fd) { MAY_FAIL(inside(fd)); int r = real_fdatasync(fd); if (mode == POWER) synced(fd); return r; }
int ftruncate64(int fd, off_t n) { MAY_FAIL(inside(fd)); return real_ftruncate(fd, n); }
int ftruncate(int fd, off_t n) { return ftruncate64(fd, n); }
int rename(const char *a, const char *b) { MAY_FAIL(below(a)); return real_rename(a, b); }
int unlink(const char *a) { MAY_FAIL(below(a)); return real_unlink(a); }
int link(const char *a, const char *b) { MAY_FAIL(below(a)); return real_link(a, b); }
int mkdir(const char *a, mode_t m) { MAY_FAIL(below(a)); return real_mkdir(a, m); }
