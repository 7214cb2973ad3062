// The parts of Linux that Glibc's Swift module does not offer: epoll, eventfd, accept4, and starting a process as
// another user with a parent-death signal. Plain functions and structs without unions, so that Swift can call them
// without unsafe casts. Every function returns -1 and sets errno on failure, as the system call behind it does.
#ifndef CLINUX_H
#define CLINUX_H

#include <stdint.h>

// ---- epoll(7)

// The bits of epoll_event.events that are used here.
extern const uint32_t clinux_readable;      // EPOLLIN
extern const uint32_t clinux_writable;      // EPOLLOUT
extern const uint32_t clinux_peer_closed;   // EPOLLRDHUP: the peer will send no more
extern const uint32_t clinux_failed;        // EPOLLERR
extern const uint32_t clinux_hung_up;       // EPOLLHUP
extern const uint32_t clinux_edge_triggered;
extern const uint32_t clinux_one_shot;

// Same layout as struct epoll_event with its union read as u64 (checked in clinux.c).
struct clinux_event {
    uint32_t events;
    uint64_t token;
} __attribute__((packed));

int clinux_epoll_create(void);
int clinux_epoll_add(int epoll, int descriptor, uint32_t events, uint64_t token);
int clinux_epoll_modify(int epoll, int descriptor, uint32_t events, uint64_t token);
int clinux_epoll_remove(int epoll, int descriptor);
int clinux_epoll_wait(int epoll, struct clinux_event *events, int capacity, int timeout_milliseconds);

// ---- eventfd(2): a counter that wakes an epoll loop

int clinux_eventfd_create(void);
int clinux_eventfd_signal(int descriptor);
int clinux_eventfd_drain(int descriptor);

// ---- sockets

// A non-blocking, close-on-exec stream socket of the address family.
int clinux_stream_socket(int family);
// accept4(2) with SOCK_NONBLOCK | SOCK_CLOEXEC; the address is written when the pointers are not null.
int clinux_accept(int descriptor, void *address, uint32_t *address_length);
int clinux_set_reuse_port(int descriptor);
int clinux_set_reuse_address(int descriptor);
int clinux_set_no_delay(int descriptor);
// Bounds what the kernel holds for a peer that does not read (SO_SNDBUF; the kernel doubles it for its own use).
int clinux_set_send_buffer(int descriptor, int bytes);
// Whether some socket listens at the address already: binds one that shares the port with nobody, and closes it.
int clinux_is_address_taken(const void *address, uint32_t length, int family);
// The pending error of a socket (SO_ERROR), or -1.
int clinux_socket_error(int descriptor);

// ---- threads

// One pointer per thread: the loop whose thread this is, or NULL.
void *clinux_thread_loop(void);
void clinux_set_thread_loop(void *loop);
// Names the calling thread in /proc and debuggers; at most 15 bytes count.
void clinux_name_thread(const char *name);

// ---- processes

struct clinux_spawn_options {
    uint32_t uid;              // with gid: become this user (needs root); ignored unless change_user
    uint32_t gid;
    int change_user;
    int parent_death_signal;   // 0: none. Tied to the calling *thread*'s life (prctl(2))
    int stdout_descriptor;     // -1: inherit
    int stderr_descriptor;     // -1: inherit
    int new_session;           // setsid: a terminal's Ctrl-C does not reach it
    const char *directory;     // NULL: inherit
};

// fork + (setgroups, setgid, setuid) + execve. Returns the child's pid, or -1 with errno, also when execve itself
// failed in the child. Descriptors other than 0, 1, 2 are close-on-exec in the child.
int clinux_spawn(const char *path, char *const arguments[], char *const environment[],
                 const struct clinux_spawn_options *options);

#endif
