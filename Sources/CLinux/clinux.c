#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

const uint32_t clinux_readable = EPOLLIN;
const uint32_t clinux_writable = EPOLLOUT;
const uint32_t clinux_peer_closed = EPOLLRDHUP;
const uint32_t clinux_failed = EPOLLERR;
const uint32_t clinux_hung_up = EPOLLHUP;
const uint32_t clinux_edge_triggered = EPOLLET;
const uint32_t clinux_one_shot = EPOLLONESHOT;

_Static_assert(sizeof(struct clinux_event) == sizeof(struct epoll_event), "layout");
_Static_assert(offsetof(struct clinux_event, token) == offsetof(struct epoll_event, data), "layout");

int clinux_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

static int control(int epoll, int operation, int descriptor, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data.u64 = token};
    return epoll_ctl(epoll, operation, descriptor, &event);
}

int clinux_epoll_add(int epoll, int descriptor, uint32_t events, uint64_t token) {
    return control(epoll, EPOLL_CTL_ADD, descriptor, events, token);
}

int clinux_epoll_modify(int epoll, int descriptor, uint32_t events, uint64_t token) {
    return control(epoll, EPOLL_CTL_MOD, descriptor, events, token);
}

int clinux_epoll_remove(int epoll, int descriptor) { return control(epoll, EPOLL_CTL_DEL, descriptor, 0, 0); }

int clinux_epoll_wait(int epoll, struct clinux_event *events, int capacity, int timeout_milliseconds) {
    return epoll_wait(epoll, (struct epoll_event *)events, capacity, timeout_milliseconds);
}

int clinux_eventfd_create(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int clinux_eventfd_signal(int descriptor) { return eventfd_write(descriptor, 1); }

int clinux_eventfd_drain(int descriptor) {
    eventfd_t value;
    return eventfd_read(descriptor, &value);
}

int clinux_stream_socket(int family) { return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

int clinux_accept(int descriptor, void *address, uint32_t *address_length) {
    return accept4(descriptor, address, address_length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static int enable(int descriptor, int level, int option) {
    int one = 1;
    return setsockopt(descriptor, level, option, &one, sizeof one);
}

int clinux_set_reuse_port(int descriptor) { return enable(descriptor, SOL_SOCKET, SO_REUSEPORT); }
int clinux_set_reuse_address(int descriptor) { return enable(descriptor, SOL_SOCKET, SO_REUSEADDR); }
int clinux_set_no_delay(int descriptor) { return enable(descriptor, IPPROTO_TCP, TCP_NODELAY); }

int clinux_set_send_buffer(int descriptor, int bytes) {
    return setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

int clinux_is_address_taken(const void *address, uint32_t length, int family) {
    int descriptor = clinux_stream_socket(family);
    if (descriptor < 0) return 0;
    clinux_set_reuse_address(descriptor);
    int taken = bind(descriptor, address, length) != 0 && errno == EADDRINUSE;
    close(descriptor);
    return taken;
}

int clinux_socket_error(int descriptor) {
    int error = 0;
    socklen_t length = sizeof error;
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : -1;
}

static __thread void *thread_loop;

void *clinux_thread_loop(void) { return thread_loop; }
void clinux_set_thread_loop(void *loop) { thread_loop = loop; }

void clinux_name_thread(const char *name) {
    char limited[16] = {0};
    strncpy(limited, name, sizeof limited - 1);
    pthread_setname_np(pthread_self(), limited);
}

// Runs in the child between fork and exec: only async-signal-safe calls.
static void become(const struct clinux_spawn_options *options, pid_t parent) {
    if (options->new_session && setsid() < 0) return;
    if (options->change_user) {
        if (setgroups(0, NULL) != 0 || setgid(options->gid) != 0 || setuid(options->uid) != 0) return;
    }
    // After setuid, which would clear it (prctl(2)).
    if (options->parent_death_signal != 0) {
        if (prctl(PR_SET_PDEATHSIG, options->parent_death_signal) != 0) return;
        if (getppid() != parent) {
            errno = ECHILD;
            return;
        }
    }
    if (options->directory != NULL && chdir(options->directory) != 0) return;
    if (options->stdout_descriptor >= 0 && dup2(options->stdout_descriptor, 1) < 0) return;
    if (options->stderr_descriptor >= 0 && dup2(options->stderr_descriptor, 2) < 0) return;
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return;
    errno = 0;
}

int clinux_spawn(const char *path, char *const arguments[], char *const environment[],
                 const struct clinux_spawn_options *options) {
    // The child reports a failed exec through this pipe, which a successful exec closes.
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) return -1;
    pid_t parent = getpid();
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t child = fork();
    if (child == 0) {
        for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        become(options, parent);
        if (errno == 0) execve(path, arguments, environment);
        int error = errno;
        ssize_t ignored = write(report[1], &error, sizeof error);
        (void)ignored;
        _exit(127);
    }
    int failure = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    if (child < 0) {
        close(report[0]);
        errno = failure;
        return -1;
    }
    int error = 0;
    ssize_t count;
    do {
        count = read(report[0], &error, sizeof error);
    } while (count < 0 && errno == EINTR);
    close(report[0]);
    if (count == sizeof error) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
        }
        errno = error;
        return -1;
    }
    return child;
}
